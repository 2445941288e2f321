//! Reading and steering the system clock, and a virtual clock with the same interface.
