//! The server on the loopback interface, seen from outside.

mod certificates;
mod grants;
mod handshakes;
mod limits;
mod pool;
mod served;
