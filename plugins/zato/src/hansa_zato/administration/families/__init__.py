"""The services of Zato's admin API by what they are about: a module for each family."""
