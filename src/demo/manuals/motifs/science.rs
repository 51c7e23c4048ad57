//! Pictures for mathematics, physics, biology, economics and computing.

use std::f32::consts::TAU;

use super::{Frame, INK, Motif, PALE, WHITE, curve};
use crate::demo::manuals::{
    canvas::{Canvas, Colour, Point, mix},
    dice::Dice,
};

/// Squared paper with two axes.
fn axes(canvas: &mut Canvas, frame: Frame, origin: Point) {
    for step in 0..=16_u8 {
        let share = f32::from(step) / 16.0;
        canvas.line(&[frame.at(share, 0.0), frame.at(share, 1.0)], 1.2, PALE);
        canvas.line(&[frame.at(0.0, share), frame.at(1.0, share)], 1.2, PALE);
    }
    canvas.line(&[frame.at(0.0, origin.1), frame.at(1.0, origin.1)], 3.5, INK);
    canvas.line(&[frame.at(origin.0, 1.0), frame.at(origin.0, 0.0)], 3.5, INK);
}

/// A curve, the area under it, its tangent at a point.
pub(super) fn curves(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Curves.palette();
    canvas.rect(frame.from, frame.to, WHITE);
    let (a, b, c) = (dice.between(0.1, 0.3), dice.between(0.6, 1.6), dice.between(0.0, TAU));
    let tilt = dice.between(-0.35, 0.35);
    let value = |x: f32| 0.48 + a * (x * b * TAU + c).sin() + tilt * (x - 0.5);
    let mut area = curve(60, |t| frame.at(0.2 + 0.45 * t, value(0.2 + 0.45 * t)));
    area.push(frame.at(0.65, 0.92));
    area.push(frame.at(0.2, 0.92));
    canvas.polygon(&area, mix(WHITE, colours.main, 0.25));
    axes(canvas, frame, (0.08, 0.92));
    let points = curve(160, |t| frame.at(0.02 + 0.96 * t, value(0.02 + 0.96 * t)));
    canvas.line(&points, 8.0, colours.main);
    let at = dice.between(0.25, 0.75);
    let slope = (value(at + 0.01) - value(at - 0.01)) / 0.02;
    let tangent = |x: f32| frame.at(x, value(at) + slope * (x - at));
    canvas.line(&[tangent(at - 0.2), tangent(at + 0.2)], 6.0, colours.second);
    canvas.disc(frame.at(at, value(at)), 11.0, INK);
}

/// Two waves that add up, and a small circuit.
pub(super) fn waves(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Waves.palette();
    canvas.rect(frame.from, frame.to, [28, 24, 44]);
    for line in 1..8_u8 {
        let down = f32::from(line) / 8.0;
        canvas.line(&[frame.at(0.0, down), frame.at(1.0, down)], 1.2, [70, 64, 96]);
    }
    let (f, g) = (dice.between(2.0, 4.0), dice.between(4.5, 8.0));
    let shift = dice.between(0.0, TAU);
    let one = |t: f32| 0.09 * (t * f * TAU).sin();
    let two = |t: f32| 0.06 * (t * g * TAU + shift).sin();
    let mut wave = |down: f32, height: &dyn Fn(f32) -> f32, colour: Colour, thick: f32| {
        canvas.line(&curve(220, |t| frame.at(t, down + height(t))), thick, colour);
    };
    wave(0.16, &one, [120, 190, 240], 5.0);
    wave(0.38, &two, colours.second, 5.0);
    wave(0.60, &|t| one(t) + two(t), WHITE, 6.0);
    let corners = [(0.3, 0.76), (0.7, 0.76), (0.7, 0.95), (0.3, 0.95), (0.3, 0.76)];
    let path: Vec<Point> = corners.iter().map(|p| frame.at(p.0, p.1)).collect();
    canvas.line(&path, 4.0, WHITE);
    canvas.rect(frame.at(0.44, 0.735), frame.at(0.56, 0.785), colours.main);
    canvas.disc(frame.at(0.3, 0.855), 24.0, colours.second);
    canvas.ring(frame.at(0.7, 0.855), 24.0, 4.0, WHITE);
    canvas.line(&[frame.at(0.68, 0.84), frame.at(0.72, 0.87)], 3.0, WHITE);
}

/// Cells with their nuclei, and a double helix beside them.
pub(super) fn cells(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Cells.palette();
    canvas.rect(frame.from, frame.to, mix(colours.top, [250, 226, 220], 0.6));
    for column in 0..5_u8 {
        for row in 0..5_u8 {
            let across = 0.09 + f32::from(column) * 0.145 + dice.between(-0.02, 0.02);
            let down = 0.1 + f32::from(row) * 0.2 + dice.between(-0.03, 0.03);
            let radius = dice.between(42.0, 66.0);
            let body = mix(colours.second, WHITE, dice.between(0.45, 0.75));
            canvas.disc(frame.at(across, down), radius, body);
            canvas.ring(frame.at(across, down), radius, 4.0, mix(colours.second, INK, 0.3));
            let (x, y) = frame.at(across, down);
            let aside = (x + dice.between(-14.0, 14.0), y + dice.between(-14.0, 14.0));
            canvas.disc(aside, radius * 0.36, mix(colours.main, INK, 0.2));
            canvas.disc((aside.0 - 5.0, aside.1 - 5.0), radius * 0.12, colours.second);
        }
    }
    let (turns, start) = (dice.between(1.6, 2.6), dice.between(0.0, TAU));
    let strand =
        |side: f32| move |t: f32| frame.at(0.87 + side * 0.08 * (t * turns * TAU + start).sin(), t);
    for rung in 0..34_u8 {
        let t = f32::from(rung) / 33.0;
        let colour = if rung % 2 == 0 { colours.second } else { [226, 168, 60] };
        canvas.line(&[strand(1.0)(t), strand(-1.0)(t)], 5.0, colour);
    }
    canvas.line(&curve(90, strand(1.0)), 9.0, colours.main);
    canvas.line(&curve(90, strand(-1.0)), 9.0, mix(colours.main, INK, 0.4));
}

/// Bars of several years, and supply crossing demand.
pub(super) fn charts(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Charts.palette();
    canvas.rect(frame.from, frame.to, WHITE);
    axes(canvas, frame, (0.05, 0.95));
    for bar in 0..8_u8 {
        let left = 0.08 + f32::from(bar) * 0.055;
        let top = dice.between(0.3, 0.8);
        canvas.rect(frame.at(left, top), frame.at(left + 0.035, 0.945), colours.main);
        let part = mix(colours.main, WHITE, 0.5);
        canvas.rect(frame.at(left, top + 0.1), frame.at(left + 0.035, 0.945), part);
    }
    let (low, bend) = (dice.between(0.75, 0.9), dice.between(1.2, 2.4));
    let supply = |t: f32| frame.at(0.56 + 0.4 * t, low - 0.65 * t.powf(bend));
    let demand = |t: f32| frame.at(0.56 + 0.4 * t, 0.12 + 0.7 * t.powf(1.0 / bend));
    canvas.line(&curve(60, supply), 8.0, colours.second);
    canvas.line(&curve(60, demand), 8.0, colours.main);
    canvas.ring(frame.at(0.3, 0.15), 40.0, 18.0, colours.second);
}

/// A binary tree, and a row of bits.
pub(super) fn trees(canvas: &mut Canvas, frame: Frame, dice: &mut Dice) {
    let colours = Motif::Trees.palette();
    canvas.rect(frame.from, frame.to, WHITE);
    let place = |level: u8, index: u8| {
        let share = (f32::from(index) + 0.5) / f32::from(1_u8 << level);
        frame.at(share, 0.12 + f32::from(level) * 0.2)
    };
    for level in 1..4_u8 {
        for index in 0..1_u8 << level {
            if level < 3 || dice.below(4) > 0 {
                let ends = [place(level - 1, index / 2), place(level, index)];
                canvas.line(&ends, 5.0, PALE);
                let fill = if dice.below(3) == 0 { colours.second } else { colours.main };
                canvas.disc(ends[1], 30.0, fill);
            }
        }
    }
    for level in 0..3_u8 {
        for index in 0..1_u8 << level {
            canvas.disc(place(level, index), 32.0, mix(colours.main, INK, 0.3));
        }
    }
    for bit in 0..16_u8 {
        let left = 0.06 + f32::from(bit) * 0.055;
        let fill = if dice.below(2) == 0 { INK } else { colours.second };
        canvas.rect(frame.at(left, 0.88), frame.at(left + 0.045, 0.96), fill);
    }
}
