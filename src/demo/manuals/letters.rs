//! Capital letters drawn as strokes, for covers: no font has to be carried along.

use super::canvas::{Canvas, Colour, Point};

/// Width and height of a letter's grid, and the step to the next letter.
const GRID: (f32, f32, f32) = (4.0, 6.0, 5.6);

/// Strokes of a letter: points `xy` on the grid, strokes apart by spaces.
fn strokes(letter: char) -> &'static str {
    match letter {
        'A' | 'À' | 'Â' => "062046 1434",
        'B' => "06003042433303 33444536060",
        'C' | 'Ç' => "41301001051636454",
        'D' => "0600304245360600",
        'E' | 'É' | 'È' | 'Ê' => "40000646 0333",
        'F' => "400006 0333",
        'G' => "413010010516364523 4323",
        'H' => "0006 4046 0343",
        'I' | 'Î' | 'Ï' => "2026",
        'J' => "303515060504",
        'K' => "0006 400346",
        'L' => "000646",
        'M' => "0600234046",
        'N' => "06004640",
        'O' | 'Ô' => "100105163645413010",
        'P' => "06003041423303",
        'Q' => "100105163645413010 3446",
        'R' => "06003041423303 1346",
        'S' => "4130100112334445361605",
        'T' => "0040 2026",
        'U' | 'Û' | 'Ù' => "000516364540",
        'V' => "002640",
        'W' => "0016233640",
        'X' => "0046 4006",
        'Y' => "002340 2326",
        'Z' => "00400646",
        '-' => "1333",
        '\'' | '’' => "2021",
        '1' => "122026",
        '2' => "0110304142064606",
        _ => "",
    }
}

/// Accents above (and the cedilla below) a letter.
fn accent(letter: char) -> &'static [(Point, Point)] {
    match letter {
        'É' => &[((1.6, -0.9), (2.8, -1.7))],
        'È' | 'À' | 'Ù' => &[((2.4, -0.9), (1.2, -1.7))],
        'Ê' | 'Â' | 'Ô' | 'Û' | 'Î' => {
            &[((1.0, -0.8), (2.0, -1.6)), ((2.0, -1.6), (3.0, -0.8))]
        }
        'Ç' => &[((2.2, 6.2), (1.8, 7.2))],
        _ => &[],
    }
}

/// Writes a line of capitals from `at` (top left), letters `tall` units high.
pub(super) fn write(canvas: &mut Canvas, text: &str, at: Point, tall: f32, colour: Colour) {
    let unit = tall / GRID.1;
    let mut left = at.0;
    for letter in text.chars() {
        let place = |(x, y): Point| (left + x * unit, at.1 + y * unit);
        for stroke in strokes(letter).split(' ') {
            let digits: Vec<u8> = stroke.bytes().map(|b| b.saturating_sub(b'0')).collect();
            let points: Vec<Point> = digits
                .chunks_exact(2)
                .map(|xy| place((f32::from(xy[0]), f32::from(xy[1]))))
                .collect();
            canvas.line(&points, unit * 0.8, colour);
        }
        for (from, to) in accent(letter) {
            canvas.line(&[place(*from), place(*to)], unit * 0.7, colour);
        }
        left += GRID.2 * unit;
    }
}

/// The height of letters with which `text` is at most `wide` units long, and never above `most`.
pub(super) fn fitting(text: &str, wide: f32, most: f32) -> f32 {
    let letters = text.chars().fold(0.0_f32, |count, _| count + 1.0).max(1.0);
    (wide / (letters * GRID.2 - (GRID.2 - GRID.0)) * GRID.1).min(most)
}
