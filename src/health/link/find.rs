//! What is wrong with the links, in words of French, and what was measured around a moment.

use std::time::Duration;

use jiff::Timestamp;

use super::{
    outage::{Cause, SILENCE, State},
    plan::Plan,
    quality::TARGET_SILENT_SECONDS,
    ring::{Cell, Method, Second},
    uplink::{Link, Seen, Standing},
    watch::Links,
};
use crate::health::finding::{Evidence, Finding, Kind, Verdict, Watcher};

/// Lines of evidence at most.
const MAX_LINES: usize = 60;
/// Targets in one line.
const MAX_TARGETS: usize = 6;

impl Watcher for Links {
    fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut found = Vec::new();
        for link in &self.0.links {
            {
                let seen = link.seen();
                found.push(down(now, link, &seen));
                found.extend(degraded(link, &seen));
                found.extend(path_mtu(link, &seen));
                found.extend(points(link, &seen));
            }
            found.extend(self.slow(link));
        }
        found
    }

    fn evidence(&self, kind: Kind, subject: &str, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
        let is_of = |link: &&Link| {
            link.plan.link.name == subject || link.plan.points.iter().any(|one| one.name == subject)
        };
        let Some(link) = self.0.links.iter().find(is_of) else { return Vec::new() };
        match kind {
            Kind::LinkDown | Kind::LinkDegraded | Kind::PathMtu | Kind::TargetSilent => {
                seconds(link, from, to)
            }
            Kind::NamesFail => names(link, subject),
            Kind::LinkSlow => self.tests(link),
            _ => Vec::new(),
        }
    }
}

/// How a link is called in tickets.
fn title(plan: &Plan) -> String {
    let link = &plan.link;
    let network = link.network.as_ref().map(|network| format!("réseau {network}"));
    let reference = link.reference.as_ref().map(|line| format!("ligne {line}"));
    let known: Vec<String> = network.into_iter().chain(reference).collect();
    if known.is_empty() {
        format!("Liaison « {} »", link.name)
    } else {
        format!("Liaison « {} » ({})", link.name, known.join(", "))
    }
}

fn down(now: Timestamp, link: &Link, seen: &Seen) -> Finding {
    let (verdict, cause) = match seen.outage.state() {
        State::Starting => (Verdict::Unknown, None),
        State::Up => (Verdict::Good, None),
        State::Down(cause) => (Verdict::Wrong, Some(cause)),
    };
    let (name, since) = (&link.plan.link.name, seen.outage.since().unwrap_or(now));
    let mut finding = Finding::new(Kind::LinkDown, name, verdict, since);
    finding.last_good = seen.outage.last_good();
    if let Some(cause) = cause {
        finding.detail = format!("{} coupée : {}.", title(&link.plan), symptom(link, cause));
        finding.reasoning = reasoning(link, cause);
    }
    finding
}

fn symptom(link: &Link, cause: Cause) -> String {
    let targets = link.plan.points.iter().filter(|point| point.is_beyond()).count();
    let interface = &link.plan.link.interface;
    match cause {
        Cause::Carrier => format!("l'interface {interface} n'a plus de signal"),
        Cause::OneWay => {
            format!(
                "aucune des {targets} cibles ne répond (ICMP, TCP), alors que des octets arrivent"
            )
        }
        _ if link.plan.link.shared => format!("aucune des {targets} cibles ne répond (ICMP, TCP)"),
        _ => format!(
            "aucune des {targets} cibles ne répond (ICMP, TCP) et rien n'arrive sur {interface} \
             depuis au moins {SILENCE} s"
        ),
    }
}

fn reasoning(link: &Link, cause: Cause) -> String {
    let interface = &link.plan.link.interface;
    let gateway = link
        .plan
        .link
        .gateway
        .map_or_else(|| "la passerelle".to_owned(), |address| format!("la passerelle {address}"));
    match cause {
        Cause::Carrier => format!(
            "Plus de porteuse sur {interface} : câble débranché, prise, ou équipement d'en face éteint. \
             À vérifier sur place avant d'appeler l'opérateur."
        ),
        Cause::Operator => format!(
            "Câble et {gateway} répondent, rien au-delà : la panne est chez l'opérateur, \
             pas dans l'établissement."
        ),
        Cause::School => format!(
            "La porteuse est là, mais {gateway}, qui répondait avant, ne répond plus : panne entre la \
             boîte et elle (commutateur, câblage de l'établissement) ou équipement de l'opérateur arrêté."
        ),
        Cause::OneWay => {
            "Des octets arrivent mais aucune demande de la boîte n'aboutit : le sens montant \
             est coupé, ou l'acheminement de retour."
                .to_owned()
        }
        Cause::Unknown => {
            "La porteuse est là et aucune passerelle ne permet de dire de quel côté est la \
             panne (health.links.gateway)."
                .to_owned()
        }
    }
}

/// One that is or is not wrong while the link carries; nobody can say while it does not.
fn standing(kind: Kind, subject: &str, standing: &Standing, is_down: bool) -> Option<Finding> {
    let (wrong, since) = (standing.wrong?, standing.since?);
    let verdict = match (is_down, wrong) {
        (true, _) => Verdict::Unknown,
        (false, true) => Verdict::Wrong,
        (false, false) => Verdict::Good,
    };
    let mut finding = Finding::new(kind, subject, verdict, since);
    finding.last_good = standing.last_good;
    Some(finding)
}

fn degraded(link: &Link, seen: &Seen) -> Option<Finding> {
    let plan = &link.plan;
    let mut finding =
        standing(Kind::LinkDegraded, &plan.link.name, &seen.degraded, seen.is_down())?;
    if let Some(bad) = seen.badness.filter(|_| finding.verdict == Verdict::Wrong) {
        finding.detail = if bad.by_loss {
            let percent = (bad.loss * 100.0).round();
            format!("{} dégradée : {percent} % des sondes se perdent.", title(plan))
        } else {
            format!(
                "{} dégradée : l'aller-retour prend {}, d'habitude {}.",
                title(plan),
                time(Duration::from_secs_f64(bad.latency)),
                time(Duration::from_secs_f64(bad.usual))
            )
        };
        "La plupart des cibles sont touchées ensemble, pendant deux minutes, sans que la liaison soit \
         pleine : ni une cible seule, ni l'usage de l'établissement ne l'expliquent."
            .clone_into(&mut finding.reasoning);
    }
    Some(finding)
}

fn path_mtu(link: &Link, seen: &Seen) -> Option<Finding> {
    let plan = &link.plan;
    let mut finding = standing(Kind::PathMtu, &plan.link.name, &seen.mtu, seen.is_down())?;
    if let Some((_, passes)) = seen.passes.filter(|_| finding.verdict == Verdict::Wrong) {
        finding.detail = format!(
            "{} : les paquets de plus de {} octets se perdent (attendu : {}).",
            title(plan),
            passes.bytes,
            passes.expected
        );
        "Les petits paquets passent, les grands jamais, et aucun routeur ne le signale : une taille mal \
         réglée sur le chemin, dont les messages ICMP sont filtrés. Des pages commencent et ne finissent pas."
            .clone_into(&mut finding.reasoning);
    }
    Some(finding)
}

fn points(link: &Link, seen: &Seen) -> Vec<Finding> {
    let mut found = Vec::new();
    for (plan, point) in link.plan.points.iter().zip(&seen.points) {
        let within = vec![link.plan.link.name.clone()];
        if plan.is_beyond()
            && let Some(mut finding) =
                standing(Kind::TargetSilent, &plan.name, &point.silent, seen.is_down())
        {
            if finding.verdict == Verdict::Wrong {
                finding.detail = format!(
                    "La cible « {} » ({}) ne répond plus depuis {} min ou plus ; les autres répondent.",
                    plan.name,
                    plan.host,
                    TARGET_SILENT_SECONDS / 60
                );
                "La liaison porte : la panne est chez la cible, ou sur le seul chemin qui y mène."
                    .clone_into(&mut finding.reasoning);
            }
            found.push(Finding { within: within.clone(), ..finding });
        }
        if plan.dns.is_some()
            && let Some(mut finding) =
                standing(Kind::NamesFail, &plan.name, &point.names, seen.is_down())
        {
            if finding.verdict == Verdict::Wrong {
                let why = point.name.as_ref().and_then(|asked| asked.took.as_ref().err());
                finding.detail = format!(
                    "Le résolveur « {} » ({}) ne donne plus d'adresses : {}.",
                    plan.name,
                    plan.host,
                    why.map_or("sans réponse", String::as_str)
                );
                "La liaison porte, le résolveur seul est en cause."
                    .clone_into(&mut finding.reasoning);
            }
            found.push(Finding { within, ..finding });
        }
    }
    found
}

impl Links {
    fn slow(&self, link: &Link) -> Option<Finding> {
        let contract = &link.plan.link;
        let ledger = self.0.bench.ledger();
        let promised = [contract.down, contract.up].map(|rate| rate.map(|rate| rate.0));
        let slow = ledger.is_slow(&contract.name, promised)?;
        let last = ledger.tests(&contract.name).next()?;
        let verdict = if slow { Verdict::Wrong } else { Verdict::Good };
        let mut finding = Finding::new(Kind::LinkSlow, &contract.name, verdict, last.at);
        if slow {
            let way = |what: &str, rate: Option<f64>, promised: Option<u64>| {
                Some(format!("{what} {} sur {} promis", mbit(rate?), mbit(float(promised?))))
            };
            let ways =
                [way("descente", last.down, promised[0]), way("montée", last.up, promised[1])];
            let ways: Vec<String> = ways.into_iter().flatten().collect();
            finding.detail = format!("{} lente : {}.", title(&link.plan), ways.join(", "));
            "Deux mesures de débit de suite, hors des heures de cours, sont sous 80 % du contrat, même en \
             comptant ce que les autres prenaient au même moment."
                .clone_into(&mut finding.reasoning);
        }
        Some(finding)
    }

    fn tests(&self, link: &Link) -> Vec<Evidence> {
        let ledger = self.0.bench.ledger();
        let tests = ledger.tests(&link.plan.link.name).take(10);
        let say = |rate: Option<f64>| rate.map_or_else(|| "non mesurée".to_owned(), mbit);
        let mut lines: Vec<Evidence> = tests
            .map(|test| Evidence {
                at: test.at,
                says: format!(
                    "mesure de débit : descente {}, montée {} ; autres usages {} et {}",
                    say(test.down),
                    say(test.up),
                    mbit(test.beside.0),
                    mbit(test.beside.1)
                ),
            })
            .collect();
        lines.reverse();
        lines
    }
}

#[allow(clippy::cast_precision_loss, reason = "a rate")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// Bytes a second, as contracts are written.
fn mbit(rate: f64) -> String {
    let mbit = rate * 8.0 / 1e6;
    if mbit < 10.0 {
        format!("{mbit:.1} Mbit/s").replace('.', ",")
    } else {
        format!("{mbit:.0} Mbit/s")
    }
}

fn time(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1e3;
    if millis < 10.0 {
        format!("{millis:.1} ms").replace('.', ",")
    } else {
        format!("{millis:.0} ms")
    }
}

fn names(link: &Link, subject: &str) -> Vec<Evidence> {
    let seen = link.seen();
    let at = link.plan.points.iter().position(|point| point.name == subject);
    let asked = at.and_then(|at| seen.points.get(at)).and_then(|point| point.name.as_ref());
    let line = asked.map(|asked| Evidence {
        at: asked.at,
        says: match &asked.took {
            Ok(took) => format!("{subject} : réponse en {}", time(*took)),
            Err(why) => format!("{subject} : pas de réponse ({why})"),
        },
    });
    line.into_iter().collect()
}

/// Second by second.
fn seconds(link: &Link, from: Timestamp, to: Timestamp) -> Vec<Evidence> {
    let seen = link.seen();
    let between = seen.ring.past().filter(|second| second.at >= from && second.at <= to);
    let all: Vec<&Second> = between.collect();
    // What matters stands at both ends: the last good second, and the return.
    let too_many = all.len().saturating_sub(MAX_LINES);
    let cut = MAX_LINES / 2..MAX_LINES / 2 + too_many;
    let kept = all.iter().enumerate().filter(|(index, _)| !cut.contains(index));
    kept.map(|(_, second)| Evidence { at: second.at, says: says(&link.plan, second) }).collect()
}

fn says(plan: &Plan, second: &Second) -> String {
    let mut parts = Vec::new();
    if second.carrier == Some(false) {
        parts.push(format!("{} sans signal", plan.link.interface));
    }
    for (index, point) in plan.points.iter().enumerate().take(MAX_TARGETS) {
        let of = |method: Method, name: &str| match second.cell(index, method) {
            Cell::Unasked => None,
            Cell::Waiting => Some(format!("{name} en attente")),
            Cell::Lost => Some(format!("{name} perdu")),
            Cell::Took(micros) => {
                Some(format!("{name} {}", time(Duration::from_micros(u64::from(micros)))))
            }
        };
        let asked = [of(Method::Icmp, "ICMP"), of(Method::Tcp, "TCP")];
        let asked: Vec<String> = asked.into_iter().flatten().collect();
        if !asked.is_empty() {
            parts.push(format!("{} {}", point.name, asked.join(" ")));
        }
    }
    parts.push(format!("reçu {}", mbit(float(second.received))));
    parts.join(" ; ")
}
