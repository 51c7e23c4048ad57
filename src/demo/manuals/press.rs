//! Draws a manual's pictures at the size that makes its package as large as it should be.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "a picture has a few thousand pixels a side and a few million bytes"
)]

use std::io;

use jpeg_encoder::{ColorType, Encoder};

use super::{
    Manual,
    canvas::{Canvas, UNITS, mix},
    dice::Dice,
    letters,
    motifs::{self, Frame, INK, Motif, WHITE},
};

/// JPEG qualities tried, from the smallest files up.
const QUALITIES: [u8; 8] = [62, 74, 84, 90, 94, 97, 99, 100];
/// Pixels above which a better quality is taken rather than a larger picture.
const MOST_PIXELS: f64 = 1_500_000.0;
/// Fewest and most pixels across.
const WIDTHS: (f64, f64) = (240.0, 2400.0);
/// Pixels across of the pictures that are drawn to see how they compress.
const PROOF_WIDTH: usize = 480;
/// Pixels across of a cover that stands alone.
const THUMBNAIL_WIDTH: usize = 420;
/// Height over width of an A4 page.
pub(super) const PAGE: f32 = 1.414;
/// Height over width of a figure in a text.
pub(super) const FIGURE: f32 = 0.66;
/// The map that windows are taken from is so much larger than a page.
const WORLD: f32 = 1.35;

/// Where the picture of a full page ends and the paper for text begins, in the page's units.
const PICTURE_FOOT: f32 = 700.0;

/// A manual's press, set to a size and quality.
pub(super) struct Press<'a> {
    manual: &'a Manual,
    shape: f32,
    width: usize,
    quality: u8,
    world: Option<Canvas>,
}

impl<'a> Press<'a> {
    /// A press for `count` pictures of one shape that take `bytes` in all.
    pub(super) fn new(
        manual: &'a Manual,
        shape: f32,
        count: usize,
        bytes: u64,
    ) -> io::Result<Self> {
        let mut press = Self { manual, shape, width: PROOF_WIDTH, quality: 90, world: None };
        press.world = press.map();
        let proof = press.page(1, 1);
        let each = bytes as f64 / count.max(1) as f64;
        for quality in QUALITIES {
            press.quality = quality;
            let (w, h) = proof.size();
            let a_pixel = encode(&proof, quality)?.len() as f64 / (w * h) as f64;
            let pixels = each / a_pixel;
            let width = (pixels / f64::from(shape)).sqrt().clamp(WIDTHS.0, WIDTHS.1);
            press.width = width as usize;
            if pixels <= MOST_PIXELS {
                break;
            }
        }
        press.world = press.map();
        // Large pictures compress better than their proofs: two real pages tell by how much.
        let mut real = 0;
        for number in [2, 3] {
            real += press.picture(number, 1)?.len();
        }
        let exact = press.width as f64 * (each * 2.0 / real as f64).sqrt();
        press.width = exact.clamp(WIDTHS.0, WIDTHS.1) as usize;
        press.world = press.map();
        Ok(press)
    }

    fn height(&self) -> usize {
        (self.width as f32 * self.shape) as usize
    }

    fn map(&self) -> Option<Canvas> {
        (self.manual.motif == Motif::Relief).then(|| {
            let larger = |side: usize| (side as f32 * WORLD) as usize;
            let mut dice = Dice::of(self.manual.slug, 0);
            motifs::world(larger(self.width), larger(self.height()), &mut dice)
        })
    }

    /// The picture of page `number` in its `edition`, as a JPEG.
    pub(super) fn picture(&self, number: usize, edition: u32) -> io::Result<Vec<u8>> {
        encode(&self.page(number, edition), self.quality)
    }

    /// Width and height of its pictures in pixels.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height())
    }

    /// The cover, as a JPEG.
    pub(super) fn cover(&self) -> io::Result<Vec<u8>> {
        encode(&draw_cover(self.manual, self.width, self.world.as_ref()), self.quality)
    }

    /// A small cover, for a feed.
    pub(super) fn thumbnail(manual: &Manual) -> io::Result<Vec<u8>> {
        let mut press =
            Press { manual, shape: PAGE, width: THUMBNAIL_WIDTH, quality: 82, world: None };
        press.world = press.map();
        press.cover()
    }

    fn page(&self, number: usize, edition: u32) -> Canvas {
        let manual = self.manual;
        let palette = manual.motif.palette();
        let mut dice = Dice::of(manual.slug, number as u64 * 64 + u64::from(edition));
        let mut canvas = Canvas::new(self.width, self.height(), dice.bits());
        let whole_page = self.shape > 1.0;
        let tall = canvas.tall();
        let frame = if whole_page {
            Frame { from: (60.0, 90.0), to: (UNITS - 60.0, PICTURE_FOOT) }
        } else {
            Frame { from: (24.0, 24.0), to: (UNITS - 24.0, tall - 24.0) }
        };
        match &self.world {
            Some(world) => {
                canvas.window(world, dice.between(0.0, 1.0), dice.between(0.0, 1.0));
            }
            None if whole_page => canvas.paper(palette.top, palette.bottom),
            None => canvas.paper(palette.main, mix(palette.main, INK, 0.3)),
        }
        motifs::draw(manual.motif, &mut canvas, frame, &mut dice);
        if whole_page {
            canvas.rect((0.0, 0.0), (UNITS, 58.0), palette.main);
            let caps = manual.subject.to_uppercase();
            let letters = letters::fitting(&caps, 600.0, 20.0);
            letters::write(&mut canvas, &caps, (60.0, 22.0), letters, WHITE);
            canvas.rect((0.0, tall - 36.0), (UNITS, tall), palette.main);
            for dot in 0..24_u8 {
                let filled = usize::from(dot) <= number % 24;
                let colour = if filled { palette.second } else { mix(palette.main, WHITE, 0.3) };
                canvas.disc((60.0 + f32::from(dot) * 38.0, tall - 18.0), 7.0, colour);
            }
        }
        canvas
    }
}

/// A cover: the subject's picture, a band of colour, the subject and level in capitals.
fn draw_cover(manual: &Manual, width: usize, world: Option<&Canvas>) -> Canvas {
    let palette = manual.motif.palette();
    let mut dice = Dice::of(manual.slug, 7);
    let mut canvas = Canvas::new(width, (width as f32 * PAGE) as usize, dice.bits());
    match world {
        Some(world) => canvas.window(world, 0.5, 0.5),
        None => canvas.paper(palette.top, palette.bottom),
    }
    let frame = Frame { from: (0.0, 430.0), to: (UNITS, 1230.0) };
    motifs::draw(manual.motif, &mut canvas, frame, &mut dice);
    canvas.rect((0.0, 0.0), (UNITS, 430.0), palette.main);
    canvas.rect((0.0, 430.0), (UNITS, 446.0), palette.second);
    let subject = manual.subject.to_uppercase();
    let tall = letters::fitting(&subject, 840.0, 110.0);
    letters::write(&mut canvas, &subject, (80.0, 220.0 - tall / 2.0), tall, WHITE);
    let level = manual.level.to_uppercase();
    let tall = letters::fitting(&level, 840.0, 54.0);
    letters::write(&mut canvas, &level, (80.0, 320.0), tall, mix(palette.second, WHITE, 0.4));
    let foot = canvas.tall();
    canvas.rect((0.0, 1230.0), (UNITS, foot), mix(palette.main, INK, 0.35));
    let publisher = manual.publisher.to_uppercase();
    let tall = letters::fitting(&publisher, 840.0, 36.0);
    letters::write(&mut canvas, &publisher, (80.0, 1300.0), tall, WHITE);
    canvas
}

fn encode(canvas: &Canvas, quality: u8) -> io::Result<Vec<u8>> {
    let (width, height) = canvas.size();
    let mut bytes = Vec::with_capacity(width * height);
    let (Ok(width), Ok(height)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(io::Error::other(format!("a JPEG of {width} x {height} pixels is too large")));
    };
    Encoder::new(&mut bytes, quality)
        .encode(canvas.pixels(), width, height, ColorType::Rgb)
        .map_err(io::Error::other)?;
    Ok(bytes)
}
