"""The pages of the Clinical Patient Management System."""
