//! A sheet to draw on: flat colours with the grain of paper, lines, discs, polygons.
//!
//! Shapes are laid row by row from a strip of grained colour, so that a page of a million pixels
//! costs a few milliseconds even in a build without optimisation.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "places on a sheet of a few thousand pixels fit every type used"
)]

use super::dice::Dice;

/// Red, green, blue.
pub(super) type Colour = [u8; 3];
/// A place on the sheet, in thousandths of its width, from the top left.
pub(super) type Point = (f32, f32);

/// Width of a sheet in its own units.
pub(super) const UNITS: f32 = 1000.0;
/// Rows between two shades of a gradient.
const BAND_ROWS: usize = 8;
/// Pixels of grain kept beyond a strip's length, so that rows do not repeat.
const SLACK: usize = 61;
/// Pixels of a line drawn at once.
const LINE_STEP: f32 = 16.0;
/// Pixels of grain before it repeats.
const GRAIN: usize = 4096;

/// A sheet of pixels.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    width: usize,
    height: usize,
    scale: f32,
    pixels: Vec<u8>,
    grain: Vec<i8>,
}

/// The colour `share` (0 to 1) of the way from `a` to `b`.
pub(super) fn mix(a: Colour, b: Colour, share: f32) -> Colour {
    let one = |a: u8, b: u8| {
        let (a, b) = (f32::from(a), f32::from(b));
        (a + (b - a) * share.clamp(0.0, 1.0)) as u8
    };
    [one(a[0], b[0]), one(a[1], b[1]), one(a[2], b[2])]
}

impl Canvas {
    /// A black sheet of so many pixels; `seed` makes its grain.
    pub(super) fn new(width: usize, height: usize, seed: u64) -> Self {
        let mut dice = Dice::of("grain", seed);
        let mut grain = Vec::with_capacity(GRAIN * 3);
        for _ in 0..GRAIN {
            // Two bytes make a triangle: many small grains, few large ones.
            let light = (i16::from(dice.byte()) + i16::from(dice.byte()) - 255) / 14;
            for _ in 0..3 {
                grain.push((light + i16::from(dice.below(9)) - 4) as i8);
            }
        }
        let scale = width as f32 / UNITS;
        Self { width, height, scale, pixels: vec![0; width * height * 3], grain }
    }

    /// Height in the sheet's units.
    pub(super) fn tall(&self) -> f32 {
        self.height as f32 / self.scale
    }

    /// Red, green, blue, row by row.
    pub(super) fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Width and height in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    fn strip(&self, colour: Colour, length: usize) -> Vec<u8> {
        let mut strip = Vec::with_capacity((length + SLACK) * 3);
        let shades = colour.iter().cycle();
        let grains = self.grain.iter().cycle();
        for (shade, grain) in shades.zip(grains).take((length + SLACK) * 3) {
            strip.push(shade.saturating_add_signed(*grain));
        }
        strip
    }

    /// Lays part of a strip on a row, from pixel `x0` to before `x1`.
    fn lay(&mut self, strip: &[u8], y: usize, x0: usize, x1: usize) {
        let x1 = x1.min(self.width);
        if y >= self.height || x0 >= x1 {
            return;
        }
        let from = (y * 37 + y / SLACK * 13) % SLACK * 3;
        let length = (x1 - x0) * 3;
        let at = (y * self.width + x0) * 3;
        if let (Some(to), Some(grained)) =
            (self.pixels.get_mut(at..at + length), strip.get(from..from + length))
        {
            to.copy_from_slice(grained);
        }
    }

    /// Covers the sheet with a gradient.
    pub(super) fn paper(&mut self, top: Colour, bottom: Colour) {
        for band in 0..self.height.div_ceil(BAND_ROWS) {
            let first = band * BAND_ROWS;
            let shade = mix(top, bottom, first as f32 / self.height as f32);
            let strip = self.strip(shade, self.width);
            for y in first..first + BAND_ROWS {
                self.lay(&strip, y, 0, self.width);
            }
        }
    }

    /// Covers the sheet with a window of a larger one of the same scale; `across` and `down` (0 to
    /// 1) say where the window is.
    pub(super) fn window(&mut self, world: &Self, across: f32, down: f32) {
        let x = (world.width.saturating_sub(self.width) as f32 * across) as usize;
        let y = (world.height.saturating_sub(self.height) as f32 * down) as usize;
        let length = self.width.min(world.width) * 3;
        for row in 0..self.height.min(world.height) {
            let from = ((y + row) * world.width + x) * 3;
            let to = row * self.width * 3;
            if let (Some(to), Some(from)) =
                (self.pixels.get_mut(to..to + length), world.pixels.get(from..from + length))
            {
                to.copy_from_slice(from);
            }
        }
    }

    /// Colours each pixel by its place, in pixels.
    pub(super) fn each(&mut self, mut colour: impl FnMut(usize, usize) -> Colour) {
        let width = self.width;
        for (index, (pixel, grain)) in
            self.pixels.chunks_exact_mut(3).zip(self.grain.chunks_exact(3).cycle()).enumerate()
        {
            let shade = colour(index % width, index / width);
            for ((to, shade), grain) in pixel.iter_mut().zip(shade).zip(grain) {
                *to = shade.saturating_add_signed(*grain);
            }
        }
    }

    /// A rectangle between two corners.
    pub(super) fn rect(&mut self, from: Point, to: Point, colour: Colour) {
        let x = |v: f32| (v * self.scale).clamp(0.0, self.width as f32) as usize;
        let y = |v: f32| (v * self.scale).clamp(0.0, self.height as f32) as usize;
        let (x0, x1) = (x(from.0.min(to.0)), x(from.0.max(to.0)));
        let (y0, y1) = (y(from.1.min(to.1)), y(from.1.max(to.1)));
        let strip = self.strip(colour, x1 - x0);
        for row in y0..y1 {
            self.lay(&strip, row, x0, x1);
        }
    }

    /// A full disc.
    pub(super) fn disc(&mut self, centre: Point, radius: f32, colour: Colour) {
        let (cx, cy, r) = (centre.0 * self.scale, centre.1 * self.scale, radius * self.scale);
        if r <= 0.0 {
            return;
        }
        let strip = self.strip(colour, (2.0 * r) as usize + 2);
        let (first, last) = ((cy - r).max(0.0) as usize, (cy + r).max(0.0) as usize + 1);
        for row in first..last.min(self.height) {
            let dy = row as f32 + 0.5 - cy;
            let half = (r * r - dy * dy).max(0.0).sqrt();
            let (x0, x1) = ((cx - half).max(0.0) as usize, (cx + half).max(0.0) as usize);
            self.lay(&strip, row, x0, x1);
        }
        self.ring(centre, radius, 1.5, colour);
    }

    /// A circle's line.
    pub(super) fn ring(&mut self, centre: Point, radius: f32, thick: f32, colour: Colour) {
        const SIDES: u8 = 72;
        let at = |side: u8| {
            let angle = f32::from(side) / f32::from(SIDES) * std::f32::consts::TAU;
            (centre.0 + radius * angle.cos(), centre.1 + radius * angle.sin())
        };
        let points: Vec<Point> = (0..=SIDES).map(at).collect();
        self.line(&points, thick, colour);
    }

    /// A polygon filled by the even-odd rule.
    pub(super) fn polygon(&mut self, corners: &[Point], colour: Colour) {
        let tops = corners.iter().map(|p| p.1 * self.scale);
        let low = tops.clone().fold(f32::MAX, f32::min).max(0.0) as usize;
        let high = tops.fold(0.0, f32::max).min(self.height as f32) as usize;
        let strip = self.strip(colour, self.width);
        let mut crossings = Vec::new();
        for row in low..high {
            crossings.clear();
            let y = (row as f32 + 0.5) / self.scale;
            for (a, b) in corners.iter().zip(corners.iter().cycle().skip(1)) {
                if (a.1 > y) != (b.1 > y) {
                    crossings.push(a.0 + (y - a.1) / (b.1 - a.1) * (b.0 - a.0));
                }
            }
            crossings.sort_by(f32::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let x = |v: f32| (v * self.scale).max(0.0) as usize;
                self.lay(&strip, row, x(pair[0]), x(pair[1]));
            }
        }
    }

    /// A line through points, with round ends.
    pub(super) fn line(&mut self, points: &[Point], thick: f32, colour: Colour) {
        for pair in points.windows(2) {
            let (a, b) = (pair[0], pair[1]);
            let length = (b.0 - a.0).hypot(b.1 - a.1) * self.scale;
            let steps = (length / LINE_STEP).ceil().clamp(1.0, 4096.0);
            let at = |step: f32| {
                let share = step / steps;
                (a.0 + (b.0 - a.0) * share, a.1 + (b.1 - a.1) * share)
            };
            for step in 0..steps as u16 {
                self.stroke(at(f32::from(step)), at(f32::from(step) + 1.0), thick, colour);
            }
        }
    }

    /// A short straight stroke with smooth edges.
    fn stroke(&mut self, a: Point, b: Point, thick: f32, colour: Colour) {
        let s = self.scale;
        let (ax, ay, bx, by) = (a.0 * s, a.1 * s, b.0 * s, b.1 * s);
        let r = (thick * s / 2.0).max(0.6);
        let (dx, dy) = (bx - ax, by - ay);
        let square = (dx * dx + dy * dy).max(1e-6);
        let low = |a: f32, b: f32| (a.min(b) - r - 1.0).max(0.0) as usize;
        let high =
            |a: f32, b: f32, most: usize| ((a.max(b) + r + 1.0).max(0.0) as usize + 1).min(most);
        for y in low(ay, by)..high(ay, by, self.height) {
            for x in low(ax, bx)..high(ax, bx, self.width) {
                let (px, py) = (x as f32 + 0.5 - ax, y as f32 + 0.5 - ay);
                let along = ((px * dx + py * dy) / square).clamp(0.0, 1.0);
                let away = (px - along * dx).hypot(py - along * dy);
                let cover = (r - away + 0.5).clamp(0.0, 1.0);
                if cover > 0.0 {
                    self.blend((y * self.width + x) * 3, colour, cover);
                }
            }
        }
    }

    fn blend(&mut self, at: usize, colour: Colour, cover: f32) {
        if let Some(pixel) = self.pixels.get_mut(at..at + 3) {
            for (to, shade) in pixel.iter_mut().zip(colour) {
                let old = f32::from(*to);
                *to = (old + (f32::from(shade) - old) * cover) as u8;
            }
        }
    }
}
