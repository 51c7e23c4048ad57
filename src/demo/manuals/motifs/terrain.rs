//! Relief: heights from layered noise, coloured, shaded and contoured like a map.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "places on a map of a few thousand pixels fit every type used"
)]

use super::{Frame, INK, Motif, WHITE, curve};
use crate::demo::manuals::{
    canvas::{Canvas, Colour, mix},
    dice::Dice,
};

/// Pixels between two computed heights.
const CELL: usize = 4;
/// Height below which there is sea.
const SEA: f32 = 0.42;
/// Contours between the lowest and the highest place.
const CONTOURS: f32 = 22.0;

/// Layered value noise, 0 to 1.
struct Noise {
    lattice: Vec<f32>,
}

impl Noise {
    const SIDE: usize = 64;

    fn new(dice: &mut Dice) -> Self {
        Self { lattice: (0..Self::SIDE * Self::SIDE).map(|_| dice.between(0.0, 1.0)).collect() }
    }

    fn corner(&self, x: usize, y: usize) -> f32 {
        let at = (y % Self::SIDE) * Self::SIDE + x % Self::SIDE;
        self.lattice.get(at).copied().unwrap_or_default()
    }

    fn smooth(&self, x: f32, y: f32) -> f32 {
        let (left, top) = (x as usize, y as usize);
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let across = ease(x.fract());
        let row = |y| blend(self.corner(left, y), self.corner(left + 1, y), across);
        blend(row(top), row(top + 1), ease(y.fract()))
    }

    fn height(&self, x: f32, y: f32) -> f32 {
        let layer = |zoom: f32, weight: f32| self.smooth(x * zoom + zoom, y * zoom) * weight;
        layer(1.0, 0.5) + layer(2.1, 0.25) + layer(4.3, 0.14) + layer(9.1, 0.07) + layer(17.0, 0.04)
    }
}

fn blend(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}

fn colour(height: f32, light: f32) -> Colour {
    if height < SEA {
        return mix([38, 84, 130], [140, 190, 210], height / SEA * 1.1 - 0.2);
    }
    let share = (height - SEA) / (0.85 - SEA);
    let land = if share < 0.5 {
        mix([118, 160, 96], [214, 200, 138], share * 2.0)
    } else {
        mix([214, 200, 138], [150, 108, 84], share * 2.0 - 1.0)
    };
    if light > 0.0 { mix(land, WHITE, light) } else { mix(land, INK, -light) }
}

/// A map of so many pixels, from which pages take windows.
pub(crate) fn world(width: usize, height: usize, dice: &mut Dice) -> Canvas {
    let noise = Noise::new(dice);
    let (columns, rows) = (width / CELL + 3, height / CELL + 3);
    // Five or so hills across the map, whatever its size in pixels.
    let zoom = 7.0 / columns as f32;
    let grid: Vec<f32> = (0..rows * columns)
        .map(|i| noise.height((i % columns) as f32 * zoom, (i / columns) as f32 * zoom))
        .collect();
    let at = |x: usize, y: usize| grid.get(y * columns + x).copied().unwrap_or_default();
    let mut canvas = Canvas::new(width, height, dice.bits());
    canvas.each(|x, y| {
        let (left, top) = (x / CELL, y / CELL);
        let share = |place: usize| (place % CELL) as f32 / CELL as f32;
        let row = |y| blend(at(left, y), at(left + 1, y), share(x));
        let height = blend(row(top), row(top + 1), share(y));
        let (here, east, south) = (at(left, top), at(left + 1, top), at(left, top + 1));
        let slope = (east + south - 2.0 * here) * columns as f32 * 0.05;
        let steps = (height * CONTOURS).fract();
        if height > SEA && steps < 0.06 {
            return [134, 96, 62];
        }
        colour(height, slope.clamp(-0.5, 0.5))
    });
    canvas
}

/// Towns, roads and a scale over the map.
pub(super) fn marks(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Relief.palette();
    let mut last = frame.at(dice.between(0.1, 0.3), dice.between(0.2, 0.8));
    for _ in 0..5_u8 {
        let next = frame.at(dice.between(0.1, 0.9), dice.between(0.1, 0.9));
        let bend = dice.between(-60.0, 60.0);
        let (from, to) = (last, next);
        let road = curve(30, |t| {
            let sway = bend * (t * std::f32::consts::PI).sin();
            (from.0 + (to.0 - from.0) * t + sway, from.1 + (to.1 - from.1) * t + sway)
        });
        canvas.line(&road, 9.0, INK);
        canvas.line(&road, 5.0, colours.second);
        last = next;
        canvas.disc(last, dice.between(10.0, 22.0), INK);
        canvas.disc(last, 8.0, WHITE);
    }
    for part in 0..4_u8 {
        let left = 0.05 + f32::from(part) * 0.06;
        let fill = if part % 2 == 0 { INK } else { WHITE };
        canvas.rect(frame.at(left, 0.94), frame.at(left + 0.06, 0.96), fill);
    }
}
