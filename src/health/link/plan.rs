//! What is asked over which link, as the settings say. Pure.

use std::net::IpAddr;

use hickory_proto::rr::Name;
use url::Url;

use super::outage::Rules;
use crate::config::{Health, HealthLink, HealthTarget, TargetRole};

/// One link.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The link, as the settings have it.
    pub link: HealthLink,
    /// Are its sockets bound to its interface? With one link alone the routes decide.
    pub bound: bool,
    /// What is asked.
    pub points: Vec<Point>,
}

/// A target, asked over one link.
#[derive(Debug, Clone)]
pub struct Point {
    /// Its name in reports: the target's, and the link's where several ask it.
    pub name: String,
    /// What it is.
    pub role: TargetRole,
    /// Its address or its name.
    pub host: String,
    /// By ICMP?
    pub icmp: bool,
    /// At this port by TCP.
    pub tcp: Option<u16>,
    /// What is fetched.
    pub http: Option<Url>,
    /// For whose address it is asked.
    pub dns: Option<Name>,
}

impl Point {
    /// Is it beyond the link, and asked each second?
    pub fn is_beyond(&self) -> bool {
        self.role != TargetRole::Gateway && (self.icmp || self.tcp.is_some())
    }
}

impl Plan {
    /// Of every link.
    pub fn of(health: &Health) -> Vec<Self> {
        let several = health.links.len() > 1;
        let plan = |link: &HealthLink| {
            let over =
                |target: &&HealthTarget| target.link.as_ref().is_none_or(|over| *over == link.name);
            let gateway = link.gateway.map(|address| gateway(&link.name, several, address));
            let targets = health.targets.iter().filter(over);
            let points = targets.map(|target| point(target, several.then_some(&link.name)));
            Self {
                link: link.clone(),
                bound: several,
                points: gateway.into_iter().chain(points).collect(),
            }
        };
        health.links.iter().map(plan).collect()
    }

    /// What its outages are judged by.
    pub fn rules(&self) -> Rules {
        Rules {
            asks: self.points.iter().any(Point::is_beyond),
            has_gateway: self.points.iter().any(|point| point.role == TargetRole::Gateway),
            shared: self.link.shared,
            down: self.link.down.map(|rate| rate.0),
        }
    }

    /// Points whose round trips stand for the link's: the anchors, or all beyond it where there are none.
    pub fn yardsticks(&self) -> Vec<usize> {
        let of = |wanted: &dyn Fn(&Point) -> bool| -> Vec<usize> {
            let found = self.points.iter().enumerate().filter(|(_, point)| wanted(point));
            found.map(|(index, _)| index).collect()
        };
        let anchors = of(&|point| point.is_beyond() && point.role == TargetRole::Anchor);
        if anchors.is_empty() { of(&Point::is_beyond) } else { anchors }
    }
}

fn gateway(link: &str, several: bool, address: IpAddr) -> Point {
    Point {
        name: if several { format!("gateway@{link}") } else { "gateway".to_owned() },
        role: TargetRole::Gateway,
        host: address.to_string(),
        icmp: true,
        tcp: None,
        http: None,
        dns: None,
    }
}

fn point(target: &HealthTarget, over: Option<&String>) -> Point {
    let name = &target.name;
    let shared = over.filter(|_| target.link.is_none());
    Point {
        name: shared.map_or_else(|| name.clone(), |link| format!("{name}@{link}")),
        role: target.role,
        host: target.address.clone(),
        icmp: target.icmp,
        tcp: target.tcp,
        http: target.http.clone(),
        // Its letters were checked with the settings.
        dns: target.dns.as_ref().and_then(|name| Name::from_ascii(format!("{name}.")).ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_links_are_asked_apart_each_over_its_own_interface() {
        let text = r#"
            links = [{name = "a", interface = "wan0", gateway = "10.0.0.1"}, {name = "b", interface = "wan1"}]
            targets = [{name = "gar", address = "gar.example", role = "gar", tcp = 443},
                {name = "edge", address = "192.0.2.1", link = "b"}]"#;
        let health: Health = toml::from_str(text).unwrap();
        let plans = Plan::of(&health);
        let names = |plan: &Plan| -> Vec<String> {
            plan.points.iter().map(|point| point.name.clone()).collect()
        };
        assert_eq!(names(&plans[0]), ["gateway@a", "gar@a"]);
        assert_eq!(names(&plans[1]), ["gar@b", "edge"]);
        assert!(plans.iter().all(|plan| plan.bound));
        assert_eq!((plans[0].yardsticks(), plans[1].yardsticks()), (vec![1], vec![1]));
        assert!(plans[0].rules().has_gateway && !plans[1].rules().has_gateway);
        let alone = Health { links: health.links[..1].to_vec(), ..health };
        let plans = Plan::of(&alone);
        assert_eq!(names(&plans[0]), ["gateway", "gar"]);
        assert!(!plans[0].bound);
    }
}
