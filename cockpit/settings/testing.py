"""What differs under pytest, and nothing else."""

PASSWORD_HASHERS: tuple[str, ...] = ("django.contrib.auth.hashers.MD5PasswordHasher",)

# Sam has no phone. tests/core/identity/test_super_admin_factor.py asks for one.
SUPER_ADMIN_NEEDS_TOTP = False
