"""What every test shares."""

from hypothesis import settings

# The same examples on every run and machine, with no clock: a failure can be repeated.
settings.register_profile("penchant", deadline=None, derandomize=True, database=None)
settings.load_profile("penchant")
