//! UDP sockets with kernel timestamps and batched receive and send.
