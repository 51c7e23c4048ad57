//! What the pictures of each subject show.

mod human;
mod science;
mod terrain;

use super::{
    canvas::{Canvas, Colour, Point},
    dice::Dice,
};

pub(super) use terrain::world;

/// The picture book of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motif {
    /// Axes, function curves, tangents.
    Curves,
    /// Relief seen from above.
    Relief,
    /// Waves and circuits.
    Waves,
    /// Cells and double helices.
    Cells,
    /// Time lines.
    Timeline,
    /// A theatre's stage.
    Stage,
    /// Abstract compositions.
    Abstract,
    /// A city's skyline.
    Skyline,
    /// Bar charts and crossing curves.
    Charts,
    /// Trees and graphs.
    Trees,
    /// Patterns of tiles.
    Tiles,
    /// Running tracks and heart rates.
    Lanes,
}

/// The colours of a subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    /// Main colour, dark enough for white letters.
    pub(super) main: Colour,
    /// Second colour.
    pub(super) second: Colour,
    /// Paper at the top.
    pub(super) top: Colour,
    /// Paper at the bottom.
    pub(super) bottom: Colour,
}

/// Lines and letters.
pub(super) const INK: Colour = [38, 40, 52];
/// Axes and grids.
pub(super) const PALE: Colour = [176, 180, 190];
/// Light paper.
pub(super) const WHITE: Colour = [244, 242, 236];

impl Motif {
    pub(super) const fn palette(self) -> Palette {
        let (main, second, top, bottom) = match self {
            Self::Curves => ([32, 74, 135], [214, 92, 58], [240, 243, 248], [214, 224, 238]),
            Self::Relief => ([54, 92, 60], [190, 96, 48], [226, 236, 224], [200, 216, 200]),
            Self::Waves => ([88, 44, 120], [228, 158, 44], [242, 238, 246], [222, 212, 234]),
            Self::Cells => ([20, 104, 92], [206, 74, 98], [236, 246, 240], [206, 230, 220]),
            Self::Timeline => ([130, 46, 40], [198, 150, 62], [248, 242, 230], [234, 220, 196]),
            Self::Stage => ([128, 24, 40], [214, 170, 78], [64, 34, 44], [38, 22, 34]),
            Self::Abstract => ([44, 60, 96], [220, 120, 60], [244, 236, 224], [226, 214, 200]),
            Self::Skyline => ([30, 60, 110], [236, 150, 90], [250, 214, 170], [176, 150, 190]),
            Self::Charts => ([24, 92, 116], [232, 140, 52], [240, 246, 248], [214, 230, 234]),
            Self::Trees => ([46, 52, 92], [60, 160, 130], [236, 238, 246], [212, 216, 236]),
            Self::Tiles => ([26, 84, 150], [226, 168, 48], [248, 244, 232], [236, 226, 204]),
            Self::Lanes => ([150, 58, 36], [40, 110, 150], [250, 240, 230], [238, 214, 196]),
        };
        Palette { main, second, top, bottom }
    }
}

/// The part of a sheet that a picture fills.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    /// Top left.
    pub(super) from: Point,
    /// Bottom right.
    pub(super) to: Point,
}

impl Frame {
    /// The place `across` and `down` (0 to 1) the frame.
    pub(super) fn at(&self, across: f32, down: f32) -> Point {
        let (x, y) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        (self.from.0 + x * across, self.from.1 + y * down)
    }

    /// Its width and height.
    pub(super) fn size(&self) -> (f32, f32) {
        (self.to.0 - self.from.0, self.to.1 - self.from.1)
    }
}

/// Draws one picture; the dice make each one different.
pub(super) fn draw(motif: Motif, canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    match motif {
        Motif::Curves => science::curves(canvas, frame, dice),
        Motif::Relief => terrain::marks(canvas, frame, dice),
        Motif::Waves => science::waves(canvas, frame, dice),
        Motif::Cells => science::cells(canvas, frame, dice),
        Motif::Timeline => human::timeline(canvas, frame, dice),
        Motif::Stage => human::stage(canvas, frame, dice),
        Motif::Abstract => human::composition(canvas, frame, dice),
        Motif::Skyline => human::skyline(canvas, frame, dice),
        Motif::Charts => science::charts(canvas, frame, dice),
        Motif::Trees => science::trees(canvas, frame, dice),
        Motif::Tiles => human::tiles(canvas, frame, dice),
        Motif::Lanes => human::lanes(canvas, frame, dice),
    }
}

/// Points of a curve over `0..=1`, `count` of them.
fn curve(count: u16, place: impl Fn(f32) -> Point) -> Vec<Point> {
    (0..=count).map(|i| place(f32::from(i) / f32::from(count))).collect()
}
