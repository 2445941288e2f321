//! NTS: our NTS-KE servers, the keys of our cookies, and the sessions kept over a restart.

pub(crate) mod cookie_keys;
pub(crate) mod ke_servers;
pub(crate) mod ke_supervisor;
pub(crate) mod session_file;
