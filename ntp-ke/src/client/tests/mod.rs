//! The client against servers of all kinds on the loopback interface.

mod certificates;
mod deadlines;
mod grants;
mod hostile_records;
mod not_nts;
mod peer;
mod trust;
