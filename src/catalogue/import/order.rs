//! The order: a CSV that a spreadsheet wrote. UTF-8 or Windows-1252, `;` or `,` or tabulations.

use std::{
    fs,
    path::{Path, PathBuf},
};

use jiff::Timestamp;

use super::files::{self, MAX_FILES};
use crate::catalogue::{
    CatalogueError, Entry, Licence,
    gar::{
        Place,
        dates::{Edge, end_of_school_year, moment},
    },
    identifiers::canonical,
    text::{MAX_NAME_CHARS, Notes, fold, has_extension, line as one_line},
};

/// Largest order, in bytes.
const MAX_ORDER_BYTES: u64 = 16 << 20;
/// Lines taken of one order.
const MAX_LINES: usize = 20_000;
/// The order's name when the folder holds several CSV files.
const ORDER_NAME: &str = "commande.csv";
/// Characters of a version taken.
const MAX_VERSION_CHARS: usize = 100;

/// An order, read.
#[derive(Debug, Default)]
pub(in crate::catalogue) struct Order {
    pub(super) lines: Vec<OrderLine>,
    pub(super) refused: Vec<String>,
}

/// A line of it that makes sense.
#[derive(Debug)]
pub(super) struct OrderLine {
    /// Line of the file, from 1.
    pub(super) number: u64,
    pub(super) entry: Entry,
    /// Package file beside the order.
    pub(super) file: Option<String>,
    pub(super) version: String,
}

/// Columns by any of the names that orders give them, folded (`docs/plan-b.md`).
const COLUMNS: [(Column, &[&str]); 14] = [
    (Column::Identifier, &["identifiant", "id", "identifier", "idressource", "reference"]),
    (Column::Ark, &["ark"]),
    (Column::Isbn, &["isbn", "ean", "ean13", "isbn13", "gtin"]),
    (Column::Title, &["titre", "title", "nom", "libelle", "designation"]),
    (Column::Publisher, &["editeur", "publisher"]),
    (Column::File, &["fichier", "file", "paquet"]),
    (Column::From, &["debut", "from", "datedebut", "debutvalidite"]),
    (Column::Until, &["fin", "until", "datefin", "finvalidite", "annee"]),
    (
        Column::Pupils,
        &["licenceseleves", "licences", "quantite", "nblicenceeleve", "pupillicences"],
    ),
    (Column::Levels, &["niveau", "niveaux", "classe", "classes", "level", "levels"]),
    (Column::Subjects, &["matiere", "matieres", "discipline", "subject", "subjects"]),
    (Column::Order, &["commande", "numero", "idabonnement", "order"]),
    (Column::Version, &["version"]),
    (Column::Language, &["langue", "language"]),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Identifier,
    Ark,
    Isbn,
    Title,
    Publisher,
    File,
    From,
    Until,
    Pupils,
    Levels,
    Subjects,
    Order,
    Version,
    Language,
}

/// Finds and reads the folder's order.
pub(in crate::catalogue) fn read_order(
    folder: &Path,
    place: &Place,
) -> Result<Order, CatalogueError> {
    let path = find(folder)?;
    let wrong = |reason: String| CatalogueError::Order { path: path.clone(), reason };
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let bytes = files::read_small(folder, name, MAX_ORDER_BYTES)
        .map_err(|error| wrong(error.to_string()))?;
    parse(&bytes, place).map_err(wrong)
}

fn find(folder: &Path) -> Result<PathBuf, CatalogueError> {
    let fault = |reason: String| CatalogueError::Folder { path: folder.to_owned(), reason };
    let mut orders = Vec::new();
    let listing = fs::read_dir(folder).map_err(|error| fault(error.to_string()))?;
    for entry in listing.take(MAX_FILES) {
        let entry = entry.map_err(|error| fault(error.to_string()))?;
        let name = entry.file_name().to_string_lossy().to_lowercase();
        if name == ORDER_NAME {
            return Ok(entry.path());
        }
        // Some systems leave `._name` files on sticks.
        if has_extension(&name, &["csv"]) && !name.starts_with('.') {
            orders.push(entry.path());
        }
    }
    match orders.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(fault("no order is there".to_owned())),
        more => Err(fault(format!("{} CSV files are there and none is {ORDER_NAME}", more.len()))),
    }
}

/// Reads an order; `Err` says why nothing of it can be used.
pub(super) fn parse(bytes: &[u8], place: &Place) -> Result<Order, String> {
    let text = decode(bytes);
    let text = text.trim_start_matches('\u{feff}');
    // Excel's own note of its delimiter.
    let text = match text.split_once('\n') {
        Some((first, rest)) if first.trim().to_ascii_lowercase().starts_with("sep=") => rest,
        _ => text,
    };
    let first = text.lines().next().unwrap_or_default();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(first))
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let columns = columns(reader.headers().map_err(|error| error.to_string())?);
    let has = |wanted: Column| columns.iter().any(|(column, _)| *column == wanted);
    if ![Column::Identifier, Column::Ark, Column::Isbn].into_iter().any(has) {
        let found = one_line(first, 200).unwrap_or_default();
        return Err(format!("its first line is `{found}`; a column `identifiant` was expected"));
    }
    let mut notes = Notes::default();
    let mut lines = Vec::new();
    for (place_in_file, record) in reader.records().enumerate() {
        if place_in_file >= MAX_LINES {
            notes.add(&format!("the lines past the first {MAX_LINES}"));
            break;
        }
        let number = place_in_file as u64 + 2;
        let outcome = match &record {
            Ok(record) if record.iter().all(str::is_empty) => continue,
            Ok(record) => order_line(&Fields { record, columns: &columns }, number, place),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(line) => lines.push(line),
            Err(reason) => notes.add(&format!("line {number}: {reason}")),
        }
    }
    Ok(Order { lines, refused: notes.into_lines() })
}

/// UTF-8 if it is that, else what Windows writes in France.
fn decode(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// The separator that the first line has most of.
fn delimiter(first: &str) -> u8 {
    let count = |c: u8| first.bytes().filter(|b| *b == c).count();
    // Of equals the last is taken: a semicolon, as spreadsheets write here.
    [b'\t', b',', b';'].into_iter().max_by_key(|c| count(*c)).unwrap_or(b';')
}

fn columns(headers: &csv::StringRecord) -> Vec<(Column, usize)> {
    let mut columns: Vec<(Column, usize)> = Vec::new();
    for (at, name) in headers.iter().enumerate() {
        let bare: String = fold(name).chars().filter(char::is_ascii_alphanumeric).collect();
        let known = COLUMNS.iter().find(|(_, names)| names.contains(&&*bare));
        columns.extend(known.map(|(column, _)| (*column, at)));
    }
    columns
}

/// A line's fields by column.
struct Fields<'a> {
    record: &'a csv::StringRecord,
    columns: &'a [(Column, usize)],
}

impl<'a> Fields<'a> {
    /// What is written, if anything is.
    fn get(&self, wanted: Column) -> Option<&'a str> {
        let mut named = self.columns.iter().filter(|(column, _)| *column == wanted);
        named.find_map(|(_, at)| self.record.get(*at).filter(|text| !text.is_empty()))
    }

    fn line(&self, wanted: Column, most: usize) -> Option<String> {
        self.get(wanted).and_then(|text| one_line(text, most))
    }

    /// Several names in one field: `2de, 1re` or `2de / 1re`.
    fn list(&self, wanted: Column) -> Vec<String> {
        let fields = self.columns.iter().filter(|(column, _)| *column == wanted);
        let texts = fields.filter_map(|(_, at)| self.record.get(*at));
        texts
            .flat_map(|text| text.split([',', ';', '/', '|']))
            .filter_map(|name| one_line(name, MAX_NAME_CHARS))
            .take(50)
            .collect()
    }
}

fn order_line(fields: &Fields<'_>, number: u64, place: &Place) -> Result<OrderLine, String> {
    let identifiers = identifiers(fields)?;
    let first = identifiers.first().ok_or("no identifier (ARK or ISBN)")?;
    let from = date(fields, Column::From, Edge::Start, place)?;
    let until = date(fields, Column::Until, Edge::End, place)?;
    let ordered = fields.line(Column::Order, MAX_NAME_CHARS);
    let licence = Licence {
        id: ordered.map_or_else(|| format!("import:{first}"), |order| format!("{order}:{first}")),
        from,
        until,
        pupil_licences: count(fields)?,
        assigned_pupils: 0,
        individual: false,
        publics: Vec::new(),
    };
    Ok(OrderLine {
        number,
        entry: Entry {
            title: fields.line(Column::Title, MAX_NAME_CHARS),
            publisher: fields.line(Column::Publisher, MAX_NAME_CHARS),
            language: fields.line(Column::Language, 35),
            subjects: fields.list(Column::Subjects),
            levels: fields.list(Column::Levels),
            licences: vec![licence],
            identifiers,
            ..Entry::default()
        },
        file: fields.get(Column::File).map(str::to_owned),
        version: fields.line(Column::Version, MAX_VERSION_CHARS).unwrap_or_default(),
    })
}

fn identifiers(fields: &Fields<'_>) -> Result<Vec<String>, String> {
    let mut identifiers: Vec<String> = Vec::new();
    for column in [Column::Ark, Column::Identifier, Column::Isbn] {
        let Some(text) = fields.get(column) else { continue };
        if is_rounded(text) {
            return Err(format!(
                "`{text}` is what a spreadsheet made of a number; format the column as text"
            ));
        }
        let id = canonical(text, "").ok_or("an identifier that is too long")?;
        if column == Column::Isbn && !id.starts_with("isbn:") && !id.starts_with("ean:") {
            return Err(format!("`{text}` is no ISBN or EAN13 (its check digit is wrong)"));
        }
        if !identifiers.contains(&id) {
            identifiers.push(id);
        }
    }
    Ok(identifiers)
}

/// `9,78207E+12`
fn is_rounded(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper.split_once("E+").is_some_and(|(number, power)| {
        !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '.'))
            && power.chars().all(|c| c.is_ascii_digit())
    })
}

/// A day, a moment, or a school year for the end.
fn date(
    fields: &Fields<'_>,
    column: Column,
    edge: Edge,
    place: &Place,
) -> Result<Option<Timestamp>, String> {
    let Some(text) = fields.get(column) else { return Ok(None) };
    let year = || match edge {
        Edge::End => end_of_school_year(text, &place.zone),
        Edge::Start => None,
    };
    year().or_else(|| moment(text, edge, &place.zone)).map(Some).ok_or_else(|| {
        format!(
            "`{text}` is no date; 01/09/2026, 2026-09-01 or, for the end, 2026-2027 was expected"
        )
    })
}

/// Pupils' licences: a number, or *illimité*.
fn count(fields: &Fields<'_>) -> Result<Option<u64>, String> {
    let Some(text) = fields.get(Column::Pupils) else { return Ok(None) };
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if fold(&digits).starts_with("illimite") {
        return Ok(None);
    }
    digits.parse().map(Some).map_err(|_| format!("`{text}` is no number of licences"))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use proptest::prelude::*;

    use super::*;

    fn place() -> Place {
        Place { uai: "0510035L".into(), zone: TimeZone::get("Europe/Paris").unwrap() }
    }

    fn read(text: &str) -> Order {
        parse(text.as_bytes(), &place()).unwrap()
    }

    const ORDER: &str = "Identifiant;Titre;Éditeur;Fichier;Début;Fin;Licences élèves;Niveau;Matière\r\n\
        ark:/49591/a;Maths 2de;Éd. X;maths.epub;01/09/2026;31/08/2027;1 200;2de / 1re;Mathématiques\r\n\
        978-2-07-036822-8;Lettres;;;;2026-2027;illimité;;\r\n";

    #[test]
    fn every_way_a_spreadsheet_saves_an_order_reads_the_same() {
        let expected = format!("{:?}", read(ORDER));
        assert!(expected.contains("Éd. X"));
        let comma = ORDER.replace(';', ",");
        let tabs = ORDER.replace(';', "\t");
        let marked = format!("\u{feff}{ORDER}");
        let excel = format!("sep=;\r\n{ORDER}");
        for text in [comma, tabs, marked, excel] {
            assert_eq!(format!("{:?}", read(&text)), expected, "{text}");
        }
        let (windows, _, _) = encoding_rs::WINDOWS_1252.encode(ORDER);
        assert_eq!(format!("{:?}", parse(&windows, &place()).unwrap()), expected);
    }

    #[test]
    fn a_line_says_all_that_its_columns_do() {
        let order = read(ORDER);
        let [maths, letters] = &order.lines[..] else { panic!("{order:?}") };
        assert_eq!(maths.file.as_deref(), Some("maths.epub"));
        assert_eq!(maths.entry.levels, ["2de", "1re"]);
        let licence = &maths.entry.licences[0];
        assert_eq!(licence.pupil_licences, Some(1200));
        assert_eq!(licence.from.unwrap().to_string(), "2026-08-31T22:00:00Z");
        assert_eq!(licence.until.unwrap().to_string(), "2027-08-31T22:00:00Z");
        assert_eq!(letters.entry.identifiers, ["isbn:9782070368228"]);
        assert_eq!(letters.entry.licences[0].until, licence.until);
        assert_eq!(letters.entry.licences[0].pupil_licences, None);
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number_and_the_others_stay() {
        let order = read(
            "identifiant;isbn;fin;licences_eleves\nark:/1/a;;;\n;;;3\nark:/1/b;;bientôt;\n\
             ark:/1/c;;;beaucoup\n;9,78207E+12;;\n;9782070368229;;\n;;;\nark:/1/d;;;5\n",
        );
        let ids: Vec<_> = order.lines.iter().map(|l| &*l.entry.identifiers[0]).collect();
        assert_eq!(ids, ["ark:/1/a", "ark:/1/d"]);
        let expected = [
            ("line 3", "identifier"),
            ("line 4", "bientôt"),
            ("line 5", "beaucoup"),
            ("line 6", "spreadsheet"),
            ("line 7", "check digit"),
        ];
        assert_eq!(order.refused.len(), expected.len(), "{:?}", order.refused);
        for (line, (number, reason)) in order.refused.iter().zip(expected) {
            assert!(line.starts_with(number) && line.contains(reason), "{line}");
        }
    }

    #[test]
    fn an_order_without_identifiers_is_refused_whole() {
        let error = parse("titre;prix\nA;3\n".as_bytes(), &place()).unwrap_err();
        assert!(error.contains("titre;prix") && error.contains("identifiant"), "{error}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut order = b"identifiant;fin;isbn;fichier\n".to_vec();
            order.extend(bytes);
            let _ = parse(&order, &place());
        }
    }
}
