//! The twelve manuals, their invented publishers and identifiers.

use super::{Kind, Manual, motifs::Motif};

/// What tells one manual from another; identifiers are derived.
struct Entry {
    slug: &'static str,
    title: &'static str,
    subject: &'static str,
    level: &'static str,
    publisher: &'static str,
    kind: Kind,
    megabytes: u64,
    motif: Motif,
    text: &'static str,
}

macro_rules! lesson {
    ($name:literal) => {
        include_str!(concat!("../texts/", $name, ".txt"))
    };
}

const SHELF: [Entry; 12] = [
    Entry {
        slug: "geographie-seconde",
        title: "Géographie 2de : environnement, développement, mobilité",
        subject: "Géographie",
        level: "Seconde",
        publisher: "Éditions du Méridien",
        kind: Kind::FixedEpub,
        megabytes: 80,
        motif: Motif::Relief,
        text: lesson!("geographie"),
    },
    Entry {
        slug: "histoire-premiere",
        title: "Histoire 1re : de la Révolution à la Grande Guerre",
        subject: "Histoire",
        level: "Première",
        publisher: "Éditions du Méridien",
        kind: Kind::FixedEpub,
        megabytes: 40,
        motif: Motif::Timeline,
        text: lesson!("histoire"),
    },
    Entry {
        slug: "mathematiques-premiere",
        title: "Mathématiques 1re spécialité : suites, dérivées, probabilités",
        subject: "Mathématiques",
        level: "Première",
        publisher: "Presses de l’Abaque",
        kind: Kind::FixedEpub,
        megabytes: 24,
        motif: Motif::Curves,
        text: lesson!("mathematiques"),
    },
    Entry {
        slug: "svt-terminale",
        title: "SVT Terminale spécialité : la Terre et le vivant",
        subject: "SVT",
        level: "Terminale",
        publisher: "Atelier des Sciences",
        kind: Kind::FixedEpub,
        megabytes: 16,
        motif: Motif::Cells,
        text: lesson!("svt"),
    },
    Entry {
        slug: "physique-chimie-terminale",
        title: "Physique-chimie Terminale spécialité : ondes, énergie, matière",
        subject: "Physique-chimie",
        level: "Terminale",
        publisher: "Atelier des Sciences",
        kind: Kind::FixedEpub,
        megabytes: 12,
        motif: Motif::Waves,
        text: lesson!("physique"),
    },
    Entry {
        slug: "eps-lycee",
        title: "EPS lycée : s’entraîner, coopérer, durer",
        subject: "EPS",
        level: "Lycée",
        publisher: "Le Grand Stade",
        kind: Kind::Pdf,
        megabytes: 10,
        motif: Motif::Lanes,
        text: lesson!("eps"),
    },
    Entry {
        slug: "anglais-seconde",
        title: "Anglais 2de : Crossing Bridges",
        subject: "Anglais",
        level: "Seconde",
        publisher: "Passerelle Langues",
        kind: Kind::ReflowableEpub,
        megabytes: 8,
        motif: Motif::Skyline,
        text: lesson!("anglais"),
    },
    Entry {
        slug: "ses-premiere",
        title: "SES 1re spécialité : marchés, groupes, opinion",
        subject: "SES",
        level: "Première",
        publisher: "Éditions du Méridien",
        kind: Kind::Pdf,
        megabytes: 6,
        motif: Motif::Charts,
        text: lesson!("ses"),
    },
    Entry {
        slug: "espagnol-seconde",
        title: "Espagnol 2de : Caminos",
        subject: "Espagnol",
        level: "Seconde",
        publisher: "Passerelle Langues",
        kind: Kind::ReflowableEpub,
        megabytes: 4,
        motif: Motif::Tiles,
        text: lesson!("espagnol"),
    },
    Entry {
        slug: "francais-premiere",
        title: "Français 1re : Molière et la comédie",
        subject: "Français",
        level: "Première",
        publisher: "La Plume et l’Encrier",
        kind: Kind::ReflowableEpub,
        megabytes: 3,
        motif: Motif::Stage,
        text: lesson!("francais"),
    },
    Entry {
        slug: "nsi-premiere",
        title: "NSI 1re spécialité : données, algorithmes, machines",
        subject: "NSI",
        level: "Première",
        publisher: "Presses de l’Abaque",
        kind: Kind::HtmlZip,
        megabytes: 2,
        motif: Motif::Trees,
        text: lesson!("nsi"),
    },
    Entry {
        slug: "philosophie-terminale",
        title: "Philosophie Terminale : penser par soi-même",
        subject: "Philosophie",
        level: "Terminale",
        publisher: "La Plume et l’Encrier",
        kind: Kind::ReflowableEpub,
        megabytes: 1,
        motif: Motif::Abstract,
        text: lesson!("philosophie"),
    },
];

/// The manuals of the demo school, the largest first.
pub fn manuals() -> Vec<Manual> {
    (1_u32..)
        .zip(SHELF)
        .map(|(number, entry)| Manual {
            slug: entry.slug,
            title: entry.title,
            subject: entry.subject,
            level: entry.level,
            language: "fr",
            publisher: entry.publisher,
            ark: format!("ark:/49591/Preau-demo-{number:02}.p"),
            isbn: isbn(number),
            kind: entry.kind,
            target_bytes: entry.megabytes * 1_000_000,
            motif: entry.motif,
            text: entry.text,
        })
        .collect()
}

/// An ISBN-13 of an invented publisher, with its check digit (ISO 2108).
fn isbn(number: u32) -> String {
    let body = format!("97910980{:04}", 1000 + number);
    let sum: u32 = body
        .chars()
        .filter_map(|digit| digit.to_digit(10))
        .zip([1, 3].into_iter().cycle())
        .map(|(digit, weight)| digit * weight)
        .sum();
    format!("{body}{}", (10 - sum % 10) % 10)
}
