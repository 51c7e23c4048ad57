//! A ticket as text: 72 columns, for mail and for the command line.

use super::{
    About, Ticket,
    sheet::{Section, Sheet, Table},
};

const COLUMNS: usize = 72;
/// Where the values of facts begin.
const INDENT: usize = 22;

/// The ticket, ending with a newline.
pub fn text(ticket: &Ticket, about: &About) -> String {
    let sheet = Sheet::of(ticket, about);
    let mut lines = vec![sheet.title.clone(), format!("{} – {}", sheet.severity, sheet.state)];
    lines.push("=".repeat(COLUMNS));
    lines.extend(wrapped(&sheet.fact, COLUMNS));
    lines.push(String::new());
    for (name, value) in &sheet.facts {
        let mut name = pad(name, INDENT);
        for line in wrapped(value, COLUMNS - INDENT) {
            lines.push(format!("{name}{line}"));
            name = " ".repeat(INDENT);
        }
    }
    for section in &sheet.sections {
        lines.extend(written(section));
    }
    lines.push(String::new());
    lines.push("-".repeat(COLUMNS));
    lines.extend(wrapped(&sheet.written, COLUMNS));
    let mut text = lines.iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    text.push('\n');
    text
}

fn written(section: &Section) -> Vec<String> {
    let line = "-".repeat(section.title.chars().count().min(COLUMNS));
    let mut lines = vec![String::new(), section.title.clone(), line];
    if let Some(table) = &section.table {
        lines.extend(rows(table));
    }
    let many = section.lines.len() > 1;
    for line in &section.lines {
        let (mut first, next) = if many { ("- ", "  ") } else { ("", "") };
        for part in wrapped(line, COLUMNS - first.len()) {
            lines.push(format!("{first}{part}"));
            first = next;
        }
    }
    lines
}

/// Cells under one another; the last one takes what is left of the line.
fn rows(table: &Table) -> Vec<String> {
    let narrow = table.head.len().saturating_sub(1);
    let wide = |column: usize| {
        let cells = table.rows.iter().filter_map(|row| row.cells.get(column));
        cells.chain(table.head.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0) + 2
    };
    let widths: Vec<usize> = (0..narrow).map(wide).collect();
    let left = COLUMNS.saturating_sub(widths.iter().sum::<usize>()).max(16);
    // Times and measures need no heading; clocks do.
    let head = (narrow > 1).then_some(&table.head);
    let mut lines = Vec::new();
    for (cells, mark) in head
        .into_iter()
        .map(|cells| (cells, false))
        .chain(table.rows.iter().map(|row| (&row.cells, row.mark)))
    {
        let first: String =
            cells.iter().zip(&widths).map(|(cell, wide)| pad(cell, *wide)).collect();
        let last = cells.get(narrow).cloned().unwrap_or_default();
        let last = if mark { format!("--- {last} ---") } else { last };
        let mut first = first;
        for part in wrapped(&last, left) {
            let indent = " ".repeat(first.chars().count());
            lines.push(format!("{first}{part}"));
            first = indent;
        }
    }
    lines
}

fn pad(text: &str, columns: usize) -> String {
    let missing = columns.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// Lines of at most so many columns; a longer word is cut.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut word: Vec<char> = word.chars().collect();
        while !word.is_empty() {
            let space = usize::from(used > 0);
            if used + space + word.len() <= columns {
                if space > 0 {
                    line.push(' ');
                }
                line.extend(&word);
                used += space + word.len();
                break;
            }
            if used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            } else {
                let rest = word.split_off(columns.min(word.len()));
                lines.push(word.iter().collect());
                word = rest;
            }
        }
    }
    if used > 0 || lines.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_letter_is_lost(text in "[a-zé ]{0,300}", columns in 1..80_usize) {
            let lines = wrapped(&text, columns);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= columns), "{lines:?}");
            let letters = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(letters(&lines.join("")), letters(&text));
        }
    }
}
