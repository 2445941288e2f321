//! The configuration file of Truechimer: reading, validating, and errors that say how to mend it.
