//! Happy eyeballs (RFC 8305): addresses tried in turn, each a little after the one before, until one
//! connects.

use std::{future::Future, io, net::SocketAddr, time::Duration};

use futures_util::{StreamExt as _, stream::FuturesUnordered};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// RFC 8305 §4: families take turns, IPv6 first, each in the resolver's order.
fn interleaved(places: &[SocketAddr]) -> Vec<SocketAddr> {
    let (mut six, mut four) = (
        places.iter().copied().filter(SocketAddr::is_ipv6),
        places.iter().copied().filter(SocketAddr::is_ipv4),
    );
    let mut order = Vec::with_capacity(places.len().min(MAX_ADDRESSES));
    while order.len() < MAX_ADDRESSES {
        let before = order.len();
        order.extend(six.next());
        order.extend(four.next());
        if order.len() == before {
            break;
        }
    }
    order.truncate(MAX_ADDRESSES);
    order
}

/// The first that connects; the last failure when none does. `places` is not empty.
pub async fn race<T, F, Fut>(places: &[SocketAddr], stagger: Duration, connect: F) -> io::Result<T>
where
    F: Fn(SocketAddr) -> Fut,
    Fut: Future<Output = io::Result<T>>,
{
    let mut waiting = interleaved(places).into_iter();
    let mut trying = FuturesUnordered::new();
    let mut failure = None;
    loop {
        let more = match waiting.next() {
            Some(place) => {
                trying.push(connect(place));
                waiting.len() > 0
            }
            None => false,
        };
        loop {
            let next = tokio::select! {
                biased;
                ended = trying.next() => ended,
                () = tokio::time::sleep(stagger), if more => break,
            };
            match next {
                Some(Ok(connected)) => return Ok(connected),
                // §5: a failure lets the next one start at once.
                Some(Err(error)) => {
                    failure = Some(error);
                    if more {
                        break;
                    }
                }
                None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const FOUR: &str = "192.0.2.1:80";
    const SIX: &str = "[2001:db8::1]:80";
    const SIX_TOO: &str = "[2001:db8::2]:80";
    const A_MOMENT: Duration = Duration::from_millis(5);
    const FOR_EVER: Duration = Duration::from_secs(3600);

    fn places(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_take_turns_and_ipv6_is_first() {
        let order = interleaved(&places(&[FOUR, "192.0.2.2:80", SIX, "192.0.2.3:80", SIX_TOO]));
        let texts: Vec<_> = order.iter().map(ToString::to_string).collect();
        assert_eq!(texts, [SIX, FOUR, SIX_TOO, "192.0.2.2:80", "192.0.2.3:80"]);
        let many: Vec<_> = (1..=99).map(|n| SocketAddr::from(([192, 0, 2, n], 80))).collect();
        assert_eq!(interleaved(&many).len(), MAX_ADDRESSES);
    }

    #[tokio::test]
    async fn a_silent_ipv6_costs_a_moment_and_not_the_timeout() {
        let connect = |place: SocketAddr| async move {
            if place.is_ipv6() { std::future::pending().await } else { Ok(place) }
        };
        let won = race(&places(&[FOUR, SIX]), A_MOMENT, connect).await.unwrap();
        assert_eq!(won.to_string(), FOUR);
    }

    #[tokio::test]
    async fn a_failure_lets_the_next_start_at_once_and_the_last_one_is_told() {
        let tried = Mutex::new(Vec::new());
        let connect = |place: SocketAddr| {
            tried.lock().unwrap().push(place.to_string());
            async move {
                let kind = if place.is_ipv6() {
                    io::ErrorKind::NetworkUnreachable
                } else {
                    io::ErrorKind::ConnectionRefused
                };
                Err::<(), io::Error>(kind.into())
            }
        };
        let failed = race(&places(&[FOUR, SIX]), FOR_EVER, connect).await.unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(*tried.lock().unwrap(), [SIX, FOUR]);
    }

    #[tokio::test]
    async fn the_first_address_wins_even_when_it_is_slower_than_a_moment() {
        let connect = |place: SocketAddr| async move {
            if place.to_string() != SIX {
                return std::future::pending().await;
            }
            tokio::time::sleep(A_MOMENT * 4).await;
            Ok(place)
        };
        let won = race(&places(&[SIX, FOUR, SIX_TOO]), A_MOMENT, connect).await.unwrap();
        assert_eq!(won.to_string(), SIX);
    }
}
