"""The commands of `consentql`, one per module."""
