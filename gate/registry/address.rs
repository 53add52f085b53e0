//! Which addresses this client connects to. A registry's answers name other hosts (redirects, authentication realms), and an
//! image reference may come from a stranger: neither may make this machine talk to its own neighbours. Names are resolved here, and
//! the connection is made to the addresses that were judged, so that a second answer of the name server changes nothing.

use std::{
    error::Error,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
};

/// Who may live on which address.
#[derive(Debug, Clone)]
pub struct AddressPolicy {
    /// Whether the registry that the caller names may be on a loopback or private address. True where a person names it; false where
    /// a stranger does, as in an admission request. Link-local and metadata addresses are never meant by this.
    pub private_registry: bool,
    /// Host names or addresses that may be anywhere.
    pub allowed: Vec<String>,
}

impl Default for AddressPolicy {
    fn default() -> Self {
        Self { private_registry: true, allowed: Vec::new() }
    }
}

/// What kind of address it is (IANA's special-purpose address registries, RFC 6890).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    Public,
    /// RFC 1918, RFC 6598, RFC 4193, RFC 2544.
    Private,
    Loopback,
    /// Link-local, a cloud's metadata service, unspecified, multicast, documentation, reserved.
    Special,
}

pub(crate) fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach4(address),
        IpAddr::V6(address) => reach6(address),
    }
}

fn reach4(address: Ipv4Addr) -> Reach {
    // Metadata services outside 169.254/16: Alibaba Cloud, Oracle Cloud, Azure's host agent.
    const METADATA: [[u8; 4]; 3] = [[100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]];
    let octets = address.octets();
    if METADATA.contains(&octets) {
        return Reach::Special;
    }
    match octets {
        [127, ..] => Reach::Loopback,
        [10, ..]
        | [192, 168, ..]
        | [172, 16..=31, ..]
        | [100, 64..=127, ..]
        | [198, 18 | 19, ..] => Reach::Private,
        [0 | 224.., ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Reach::Special,
        _ => Reach::Public,
    }
}

fn reach6(address: Ipv6Addr) -> Reach {
    if let Some(inner) = address.to_ipv4_mapped() {
        return reach4(inner);
    }
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        // NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056) carry an IPv4 address: it is the one that is reached.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            reach4(joined(high, low))
        }
        // Amazon's and Google's metadata services live inside the private range.
        [0xfd00, 0xec2, ..]
        | [0xfd20, 0xce, ..]
        | [0xfe80..=0xfebf | 0xff00.., ..]
        | [0x64, 0xff9b, ..]
        | [0x100 | 0x2001, 0, ..]
        | [0x2001, 0xdb8, ..]
        | [0, 0, 0, 0, 0 | 0xffff, ..] => Reach::Special,
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Reach::Private,
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Special,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from((u32::from(high) << 16) | u32::from(low))
}

/// Whether `host` (a name or an address, without port) can only mean this machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address| reach(address) == Reach::Loopback)
}

/// The policy as one registry's connections obey it.
#[derive(Debug)]
pub(crate) struct Guard {
    /// The registry's own host, without port and brackets.
    pub(crate) registry: String,
    pub(crate) policy: AddressPolicy,
    /// Proxies that the caller configured: they may be anywhere.
    pub(crate) proxies: Vec<String>,
}

impl Guard {
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), String> {
        let host = host.trim_end_matches('.');
        let among = |list: &[String]| {
            list.iter().any(|allowed| {
                let allowed = allowed.trim_start_matches('[').trim_end_matches(']');
                allowed.eq_ignore_ascii_case(host)
                    || allowed.parse().is_ok_and(|allowed: IpAddr| allowed == address)
            })
        };
        let reach = reach(address);
        // What is called localhost is this machine or nothing, whatever a name server says.
        if host.eq_ignore_ascii_case("localhost") && reach != Reach::Loopback {
            return Err(format!("localhost is not {address}"));
        }
        let named = host.eq_ignore_ascii_case(&self.registry) && self.policy.private_registry;
        let fine = match reach {
            Reach::Public => true,
            Reach::Private | Reach::Loopback => named,
            Reach::Special => false,
        };
        if fine || among(&self.policy.allowed) || among(&self.proxies) {
            return Ok(());
        }
        let what = match reach {
            Reach::Private => "a private address",
            Reach::Loopback => "a loopback address",
            Reach::Public | Reach::Special => "a link-local, metadata or reserved address",
        };
        Err(format!("`{host}` is {what} ({address})"))
    }

    /// Judges an address that stands in the URL itself, and so is not resolved.
    pub(crate) fn check(&self, url: &Url) -> Result<(), String> {
        let host = url.host_str().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse() {
            Ok(address) => self.judge(host, address),
            Err(_) if host.is_empty() => Err("the address has no host".to_owned()),
            Err(_) => Ok(()),
        }
    }
}

/// Resolves names, and gives out only addresses that the guard lets pass.
#[derive(Debug, Clone)]
pub(crate) struct Resolver(pub(crate) Arc<Guard>);

/// The guard refused: told apart from a failure of the network, which may pass.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct AddressRefused(pub(crate) String);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // One bad address spoils the name: whoever mixes them is after the one that is not looked at.
            for address in &found {
                guard.judge(&host, address.ip()).map_err(AddressRefused)?;
            }
            if found.is_empty() {
                return Err(Box::<dyn Error + Send + Sync>::from("the name has no address"));
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_address() {
        let check = |text: &str, expected: Reach| {
            assert_eq!(reach(text.parse().unwrap()), expected, "{text}");
        };
        for public in
            ["8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
        {
            check(public, Reach::Public);
        }
        for private in [
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "100.64.0.1",
            "198.19.0.1",
            "fd12::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
        ] {
            check(private, Reach::Private);
        }
        for loopback in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "2002:7f00:1::1"] {
            check(loopback, Reach::Loopback);
        }
        for special in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "203.0.113.9",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "ff02::1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2001:db8::1",
            "::7f00:1",
            "4000::1",
        ] {
            check(special, Reach::Special);
        }
    }

    fn guard(registry: &str, private_registry: bool, allowed: &[&str]) -> Guard {
        let allowed = allowed.iter().map(|host| (*host).to_owned()).collect();
        Guard {
            registry: registry.to_owned(),
            policy: AddressPolicy { private_registry, allowed },
            proxies: Vec::new(),
        }
    }

    #[test]
    fn the_registry_that_was_named_may_be_private_and_nothing_else() {
        let check = |guard: &Guard, url: &str, expected: bool| {
            assert_eq!(guard.check(&Url::parse(url).unwrap()).is_ok(), expected, "{url} {guard:?}");
        };
        let named = guard("10.0.0.5", true, &[]);
        check(&named, "https://10.0.0.5:5000/v2/", true);
        check(&named, "https://10.0.0.6/", false);
        check(&named, "https://127.0.0.1/", false);
        check(&named, "https://2130706433/", false);
        check(&named, "https://0x7f.1/", false);
        check(&named, "https://[::ffff:127.0.0.1]/", false);
        check(&named, "https://8.8.8.8/", true);
        check(&guard("169.254.169.254", true, &[]), "http://169.254.169.254/", false);
        check(&guard("10.0.0.5", false, &[]), "https://10.0.0.5/", false);
        check(&guard("x", false, &["10.0.0.5"]), "https://10.0.0.5/", true);
        check(&guard("x", false, &["::1"]), "https://[::1]/", true);
    }

    #[tokio::test]
    async fn names_are_judged_by_where_they_lead() {
        let resolve = async |guard: Guard, name: &str| {
            Resolver(Arc::new(guard)).resolve(name.parse().unwrap()).await.map(Iterator::count)
        };
        assert!(resolve(guard("localhost", true, &[]), "localhost").await.unwrap() > 0);
        let error = resolve(guard("registry.example", true, &[]), "localhost").await.unwrap_err();
        assert!(error.is::<AddressRefused>(), "{error}");
        assert!(resolve(guard("localhost", false, &[]), "localhost").await.is_err());
        assert!(resolve(guard("x", false, &["localhost"]), "localhost").await.is_ok());
    }
}
