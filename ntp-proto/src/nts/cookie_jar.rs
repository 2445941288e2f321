//! The client's store of cookies.

use std::collections::VecDeque;
use zeroize::Zeroizing;

/// The number of cookies that a client keeps and a server gives (RFC 8915 §4.1.6).
pub const MAX_COOKIES: usize = 8;

/// The longest cookie that we take, in octets. One fits into a request of [`MAX_PROTECTED_REQUEST`]
/// with room to spare; the longest that is known of any server has 168.
///
/// [`MAX_PROTECTED_REQUEST`]: super::MAX_PROTECTED_REQUEST
pub const MAX_COOKIE_LENGTH: usize = 512;

/// A cookie of some server, which we cannot look into. It is wiped when dropped, and cannot be
/// printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie(Zeroizing<Vec<u8>>);

impl Cookie {
    /// `None` if there is not an octet, or more than [`MAX_COOKIE_LENGTH`].
    #[must_use]
    pub fn new(octets: &[u8]) -> Option<Self> {
        (1..=MAX_COOKIE_LENGTH)
            .contains(&octets.len())
            .then(|| Self(Zeroizing::new(octets.to_vec())))
    }

    /// The octets to send, or to store.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cookie({} octets)", self.0.len())
    }
}

/// Up to [`MAX_COOKIES`] cookies, each of which is used once, the oldest first.
#[derive(Clone, Default, Debug)]
pub struct CookieJar(VecDeque<Cookie>);

impl CookieJar {
    /// An empty jar.
    #[must_use]
    pub const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// Puts a new cookie in. Beyond [`MAX_COOKIES`] it is thrown away, which is the server's loss.
    pub fn put(&mut self, cookie: Cookie) {
        if self.0.len() < MAX_COOKIES {
            self.0.push_back(cookie);
        }
    }

    /// Takes the oldest cookie out, so that it cannot be used again: two requests with the same
    /// cookie would show an observer that they come from the same client.
    pub fn take(&mut self) -> Option<Cookie> {
        self.0.pop_front()
    }

    /// The number of cookies.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is no cookie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of cookies that fit in.
    #[must_use]
    pub fn missing(&self) -> usize {
        MAX_COOKIES.saturating_sub(self.0.len())
    }

    /// Throws all cookies away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The cookies, the oldest first, to be stored.
    pub fn iter(&self) -> impl Iterator<Item = &Cookie> {
        self.0.iter()
    }
}

impl Extend<Cookie> for CookieJar {
    fn extend<I: IntoIterator<Item = Cookie>>(&mut self, cookies: I) {
        for cookie in cookies {
            self.put(cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(octet: u8) -> Cookie {
        Cookie::new(&[octet; 100]).unwrap()
    }

    #[test]
    fn each_cookie_comes_out_once_and_the_oldest_first() {
        let mut jar = CookieJar::new();
        jar.extend([cookie(1), cookie(2)]);
        assert_eq!(jar.take(), Some(cookie(1)));
        jar.put(cookie(3));
        assert_eq!(jar.take(), Some(cookie(2)));
        assert_eq!(jar.take(), Some(cookie(3)));
        assert_eq!(jar.take(), None);
    }

    #[test]
    fn a_thousand_cookies_leave_eight() {
        let mut jar = CookieJar::new();
        jar.extend((0..1000).map(|i| cookie(i as u8)));
        assert_eq!(jar.len(), MAX_COOKIES);
        assert_eq!(jar.missing(), 0);
        assert_eq!(jar.take(), Some(cookie(0)));
    }

    #[test]
    fn empty_and_over_long_cookies_are_none() {
        assert_eq!(Cookie::new(&[]), None);
        assert_eq!(Cookie::new(&[0; MAX_COOKIE_LENGTH + 1]), None);
        assert!(Cookie::new(&[0; MAX_COOKIE_LENGTH]).is_some());
    }

    #[test]
    fn a_printed_cookie_tells_its_length_only() {
        assert_eq!(format!("{:?}", cookie(0x5A)), "Cookie(100 octets)");
    }
}
