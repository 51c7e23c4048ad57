//! Pictures for history, letters, languages, philosophy and sport.

use std::f32::consts::TAU;

use super::{Frame, INK, Motif, WHITE, curve};
use crate::demo::manuals::{
    canvas::{Canvas, mix},
    dice::Dice,
};

/// A line of time with periods above and events below.
pub(super) fn timeline(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Timeline.palette();
    canvas.rect(frame.from, frame.to, mix(WHITE, colours.bottom, 0.4));
    canvas.line(&[frame.at(0.03, 0.55), frame.at(0.97, 0.55)], 12.0, INK);
    let mut from = 0.05;
    for period in 0..6_u8 {
        let to = (from + dice.between(0.1, 0.2)).min(0.95);
        let share = f32::from(period) / 6.0;
        let top = 0.18 + 0.09 * f32::from(period % 3);
        canvas.rect(
            frame.at(from, top),
            frame.at(to, 0.5),
            mix(colours.main, colours.second, share),
        );
        from = to + 0.008;
    }
    for event in 0..9_u8 {
        let at = 0.07 + f32::from(event) * 0.105 + dice.between(-0.03, 0.03);
        let down = dice.between(0.66, 0.9);
        canvas.line(&[frame.at(at, 0.55), frame.at(at, down)], 4.0, colours.main);
        canvas.disc(frame.at(at, down), 24.0, colours.second);
        canvas.disc(frame.at(at, down), 12.0, WHITE);
        canvas.disc(frame.at(at, 0.55), 10.0, colours.main);
    }
}

/// Curtains, a floor of boards, two masks.
pub(super) fn stage(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Stage.palette();
    canvas.rect(frame.from, frame.to, [30, 20, 30]);
    canvas.polygon(
        &[frame.at(0.18, 0.72), frame.at(0.82, 0.72), frame.at(1.0, 1.0), frame.at(0.0, 1.0)],
        [122, 84, 52],
    );
    for board in 0..12_u8 {
        let share = f32::from(board) / 11.0;
        canvas.line(
            &[frame.at(0.18 + 0.64 * share, 0.72), frame.at(share, 1.0)],
            3.0,
            [72, 48, 30],
        );
    }
    for fold in 0..12_u8 {
        let share = f32::from(fold) / 12.0;
        let cloth = mix(colours.main, INK, if fold % 2 == 0 { 0.1 } else { 0.45 });
        let (left, wide) = (share * 0.2, 0.018);
        let foot = 0.9 + dice.between(-0.03, 0.03);
        canvas.rect(frame.at(left, 0.0), frame.at(left + wide, foot), cloth);
        canvas.rect(frame.at(1.0 - left - wide, 0.0), frame.at(1.0 - left, foot), cloth);
        canvas.rect(frame.at(share, 0.0), frame.at(share + 0.084, 0.1 + 0.03 * share), cloth);
    }
    let grin = dice.between(0.04, 0.09);
    for (across, bend) in [(0.38, grin), (0.62, -grin)] {
        canvas.disc(frame.at(across, 0.42), 105.0, colours.second);
        for eye in [-0.045, 0.045] {
            canvas.disc(frame.at(across + eye, 0.36), 17.0, INK);
        }
        let mouth = curve(24, |t| {
            frame.at(across - 0.06 + 0.12 * t, 0.5 + bend * ((t * TAU / 2.0).sin() - 0.5))
        });
        canvas.line(&mouth, 10.0, INK);
    }
}

/// Circles, bars and triangles in balance.
pub(super) fn composition(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Abstract.palette();
    canvas.rect(frame.from, frame.to, WHITE);
    let wheel = [colours.main, colours.second, [214, 178, 74], [120, 150, 140], INK];
    let pick = |dice: &mut Dice| wheel.get(usize::from(dice.below(5))).copied().unwrap_or(INK);
    for _ in 0..6_u8 {
        let colour = pick(dice);
        let at = frame.at(dice.between(0.15, 0.85), dice.between(0.15, 0.85));
        let radius = dice.between(30.0, 130.0);
        canvas.disc(at, radius, colour);
        canvas.ring(at, radius + 14.0, 4.0, INK);
    }
    for _ in 0..4_u8 {
        let (x, y) = (dice.between(0.1, 0.8), dice.between(0.1, 0.8));
        let colour = pick(dice);
        let corners = [
            frame.at(x, y),
            frame.at(x + dice.between(0.05, 0.18), y + 0.05),
            frame.at(x + 0.04, y + dice.between(0.08, 0.2)),
        ];
        canvas.polygon(&corners, colour);
    }
    for _ in 0..9_u8 {
        let ends = [
            frame.at(dice.between(0.02, 0.98), dice.between(0.02, 0.98)),
            frame.at(dice.between(0.02, 0.98), dice.between(0.02, 0.98)),
        ];
        canvas.line(&ends, dice.between(2.0, 9.0), INK);
    }
}

/// A skyline by a river at dusk.
pub(super) fn skyline(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Skyline.palette();
    for band in 0..20_u8 {
        let share = f32::from(band) / 20.0;
        let sky = mix([84, 96, 168], colours.second, share * 1.2);
        canvas.rect(frame.at(0.0, share * 0.75), frame.at(1.0, share * 0.75 + 0.04), sky);
    }
    canvas.disc(frame.at(dice.between(0.2, 0.8), 0.45), 70.0, [252, 226, 160]);
    for block in 0..18_u8 {
        let left = f32::from(block) / 18.0;
        let top = dice.between(0.3, 0.66);
        let wall = mix(colours.main, INK, dice.between(0.2, 0.8));
        canvas.rect(frame.at(left, top), frame.at(left + 0.056, 0.8), wall);
        for window in 0..8_u8 {
            if dice.below(3) > 0 {
                let down = top + 0.03 + f32::from(window / 2) * 0.05;
                let across = left + 0.012 + f32::from(window % 2) * 0.022;
                let lit = [250, 214, 120];
                canvas.rect(frame.at(across, down), frame.at(across + 0.012, down + 0.02), lit);
            }
        }
    }
    canvas.rect(frame.at(0.46, 0.2), frame.at(0.52, 0.8), mix(colours.main, INK, 0.6));
    canvas.polygon(&[frame.at(0.45, 0.2), frame.at(0.49, 0.08), frame.at(0.53, 0.2)], INK);
    canvas.disc(frame.at(0.49, 0.27), 20.0, WHITE);
    canvas.rect(frame.at(0.0, 0.8), frame.to, [52, 72, 120]);
    for _ in 0..26_u8 {
        let (x, y) = (dice.between(0.0, 0.9), dice.between(0.83, 0.98));
        canvas.line(&[frame.at(x, y), frame.at(x + 0.07, y)], 3.0, [130, 146, 190]);
    }
}

/// A wall of patterned tiles.
pub(super) fn tiles(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Tiles.palette();
    canvas.rect(frame.from, frame.to, WHITE);
    let design = dice.below(3);
    let (wide, tall) = frame.size();
    let rows = if tall > wide { 10_u8 } else { 6 };
    for row in 0..rows {
        for column in 0..8_u8 {
            let at = |x: f32, y: f32| {
                frame.at((f32::from(column) + x) / 8.0, (f32::from(row) + y) / f32::from(rows))
            };
            let odd = (row + column) % 2 == 1;
            let ground = if odd { colours.main } else { mix(colours.second, WHITE, 0.3) };
            canvas.rect(at(0.03, 0.03), at(0.97, 0.97), ground);
            let star = if odd { WHITE } else { colours.main };
            canvas.polygon(&[at(0.5, 0.08), at(0.92, 0.5), at(0.5, 0.92), at(0.08, 0.5)], star);
            match design {
                0 => canvas.disc(at(0.5, 0.5), wide / 40.0, colours.second),
                1 => canvas.rect(at(0.32, 0.32), at(0.68, 0.68), colours.second),
                _ => canvas.ring(at(0.5, 0.5), wide / 36.0, 7.0, colours.second),
            }
        }
    }
}

/// Lanes of a track, and a heart rate over time.
pub(super) fn lanes(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Lanes.palette();
    canvas.rect(frame.from, frame.at(1.0, 0.55), [178, 84, 56]);
    for lane in 0..=6_u8 {
        let share = f32::from(lane) / 6.0;
        let ends = [frame.at(0.5 + (share - 0.5) * 0.25, 0.0), frame.at(share * 1.2 - 0.1, 0.55)];
        canvas.line(&ends, 6.0, WHITE);
    }
    let runner = dice.between(0.25, 0.75);
    canvas.disc(frame.at(runner, 0.2), 24.0, colours.second);
    let body = [(0.0, 0.24), (-0.01, 0.36), (0.04, 0.43), (0.03, 0.5)];
    canvas.line(&body.map(|p| frame.at(runner + p.0, p.1)), 16.0, colours.second);
    let leg = [(-0.01, 0.36), (-0.06, 0.42), (-0.1, 0.4)];
    canvas.line(&leg.map(|p| frame.at(runner + p.0, p.1)), 14.0, colours.second);
    let arms = [(-0.06, 0.3), (0.0, 0.26), (0.05, 0.31), (0.08, 0.27)];
    canvas.line(&arms.map(|p| frame.at(runner + p.0, p.1)), 12.0, colours.second);
    canvas.rect(frame.at(0.0, 0.56), frame.to, WHITE);
    let (effort, rest) = (dice.between(0.2, 0.3), dice.between(2.0, 5.0));
    let rate = curve(140, |t| {
        let beat = (t * 38.0 * TAU).sin() * 0.012;
        let rise = effort * (1.0 - (-t * 9.0).exp()) - effort * 0.6 * (t * rest).sin().max(0.0);
        frame.at(0.03 + 0.94 * t, 0.94 - rise + beat)
    });
    canvas.line(&rate, 5.0, colours.main);
    canvas.line(&[frame.at(0.03, 0.96), frame.at(0.97, 0.96)], 4.0, INK);
}
