//! `/indicateurs`: openings and readers of each manual, for the head and the documentaliste.

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    body::Body,
    extract::State,
    http::{
        HeaderValue, Response, StatusCode,
        header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    },
};

use super::{
    super::{Shared, indicators::Shown, request::page, shell::Shell, words::Speech},
    door::Signed,
    unkept,
};
use crate::access::Role;

/// Days on the page; the CSV has all.
const DAYS_SHOWN: usize = 14;

#[derive(Template)]
#[template(path = "indicators.html")]
struct IndicatorsPage<'a> {
    say: Speech<'a>,
    shell: Shell<'a>,
    days: Vec<DayTable>,
}

/// The manuals of a day.
struct DayTable {
    title: String,
    at_most: bool,
    lines: Vec<Line>,
}

/// One manual on one day.
struct Line {
    title: String,
    openings: Shown,
    readers: Shown,
}

/// `GET /indicateurs`
pub async fn show(State(shared): State<Arc<Shared>>, signed: Signed) -> Response<Body> {
    if let Some(refused) = signed.refused(&shared, Role::sees_indicators) {
        return refused;
    }
    let asked = signed.asked;
    let (say, titles) = (shared.words.speak(asked.language), titles(&shared));
    let days = shared.indicators.days();
    let table = |(date, day): &(jiff::civil::Date, super::super::indicators::Day)| {
        let mut lines: Vec<_> = day.manuals.iter().collect();
        lines.sort_by_key(|(id, count)| (u64::MAX - count.openings, *id));
        let line = |(id, count): (&String, &super::super::indicators::Count)| Line {
            title: titles.get(id).cloned().unwrap_or_else(|| id.clone()),
            openings: Shown(count.openings),
            readers: Shown(count.readers),
        };
        DayTable {
            title: say.civil_day(*date),
            at_most: day.at_most,
            lines: lines.into_iter().map(line).collect(),
        }
    };
    let days = days.iter().take(DAYS_SHOWN).map(table).collect();
    let shell = Shell::of(&shared, &asked);
    unkept(page(&asked, StatusCode::OK, &IndicatorsPage { say, shell, days }))
}

/// `GET /indicateurs.csv`: the same of every day, for a spreadsheet.
pub async fn table(State(shared): State<Arc<Shared>>, signed: Signed) -> Response<Body> {
    if let Some(refused) = signed.refused(&shared, Role::sees_indicators) {
        return refused;
    }
    let asked = signed.asked;
    let (say, titles) = (shared.words.speak(asked.language), titles(&shared));
    let mut sheet = csv::WriterBuilder::new().delimiter(b';').from_writer(Vec::new());
    let heads = ["csv-day", "csv-id", "csv-title", "csv-openings", "csv-readers", "csv-note"];
    let mut rows = vec![heads.map(|id| say.say(id).into_owned())];
    for (date, day) in shared.indicators.days() {
        let note = if day.at_most { say.say("indicators-at-most") } else { "".into() };
        for (id, count) in &day.manuals {
            let title = titles.get(id).cloned().unwrap_or_default();
            let counts = (Shown(count.openings).to_string(), Shown(count.readers).to_string());
            let (title, note) = (inert(&title), note.clone().into_owned());
            rows.push([date.to_string(), inert(id), title, counts.0, counts.1, note]);
        }
    }
    let written = rows.iter().try_for_each(|row| sheet.write_record(row));
    let bytes = written.ok().and_then(|()| sheet.into_inner().ok()).unwrap_or_default();
    // The mark that tells spreadsheets it is UTF-8.
    let mut body = vec![0xef, 0xbb, 0xbf];
    body.extend(bytes);
    let mut response = Response::new(Body::from(body));
    let fields = response.headers_mut();
    fields.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8"));
    let file = HeaderValue::from_static("attachment; filename=\"indicateurs.csv\"");
    fields.insert(CONTENT_DISPOSITION, file);
    unkept(response)
}

/// A source's text that a spreadsheet would take for a formula is made plain text.
fn inert(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.into()
    }
}

fn titles(shared: &Shared) -> HashMap<String, String> {
    let view = shared.view.borrow();
    let pairs = view.shelf.books.iter().map(|b| (b.holding.id.clone(), b.holding.title.clone()));
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_no_formula() {
        assert_eq!(inert("=HYPERLINK(\"x\")"), "'=HYPERLINK(\"x\")");
        assert_eq!(inert("Algèbre"), "Algèbre");
    }
}
