//! The versioned JSON documents in which the daemon shows its state, and how to fetch them.
