"""From a utility to credits."""
