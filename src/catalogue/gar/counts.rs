//! *Décompte des affectations*: how many people each subscription is assigned to, as CSV.

use std::collections::BTreeMap;

/// Columns when the file has no header: UAI, idAbonnement, codeProjetRessource, idRessource,
/// cumulAffectationEleve, …
const COLUMNS: Columns = Columns { uai: 0, subscription: 1, pupils: 4 };
/// Lines read of one file.
const MAX_LINES: usize = 100_000;

struct Columns {
    uai: usize,
    subscription: usize,
    pupils: usize,
}

impl Columns {
    /// By the names in a header line; `None` when it is not one.
    fn named(line: &csv::StringRecord) -> Option<Self> {
        let place =
            |name: &str| line.iter().position(|field| field.trim().eq_ignore_ascii_case(name));
        Some(Self {
            uai: place("UAI").or_else(|| place("uaiEtab"))?,
            subscription: place("idAbonnement")?,
            pupils: place("cumulAffectationEleve")?,
        })
    }
}

/// Pupils assigned, by `idAbonnement`, in the school `uai` (lines of other schools are left out).
/// The word `null` stands for an empty field; lines that make no sense count for nothing.
pub fn counts(bytes: &[u8], uai: &str) -> BTreeMap<String, u64> {
    let text = String::from_utf8_lossy(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .has_headers(false)
        .flexible(true)
        .from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let mut columns = COLUMNS;
    let mut counts = BTreeMap::new();
    for line in reader.records().take(MAX_LINES).filter_map(Result::ok) {
        if let Some(named) = Columns::named(&line) {
            columns = named;
            continue;
        }
        let field =
            |at: usize| line.get(at).map(str::trim).filter(|f| !f.is_empty() && *f != "null");
        let here = field(columns.uai).is_none_or(|named| named.eq_ignore_ascii_case(uai));
        if let (true, Some(id)) = (here, field(columns.subscription)) {
            let pupils = field(columns.pupils).and_then(|count| count.parse::<u64>().ok());
            let sum: &mut u64 = counts.entry(id.to_owned()).or_default();
            *sum = sum.saturating_add(pupils.unwrap_or(0));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_nothing_and_other_schools_are_left_out() {
        let csv = "0670007U;s1;null;ark:/1/a;12;3;null;null\r\n\
                   0670007U;s1;P2;ark:/1/a;30;0;0;0\n\
                   0670007U;s2;null;ark:/1/b;null;1;0;0\n\
                   0561622J;s1;null;ark:/1/a;500;0;0;0\nnonsense\n";
        let counts = counts(csv.as_bytes(), "0670007U");
        assert_eq!(counts, BTreeMap::from([("s1".to_owned(), 42), ("s2".to_owned(), 0)]));
    }

    #[test]
    fn a_header_moves_the_columns() {
        let csv = "\u{feff}idAbonnement;UAI;cumulAffectationEleve\ns1;0670007U;7\n";
        assert_eq!(counts(csv.as_bytes(), "0670007U"), BTreeMap::from([("s1".to_owned(), 7)]));
    }
}
