"""The commands of `consentql`, one a module."""
