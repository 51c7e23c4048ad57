//! What disks say of themselves without being asked by somebody privileged: eMMC tells its wear in
//! files; of `NVMe` and SATA the kernel tells whether they are there at all, and SMART proper is unknown.

use std::path::Path;

use super::files;

/// A disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Wear {
    /// Its name, as the kernel has it.
    pub device: String,
    /// Part of its life that it has used, as far as it says; above that, less than a tenth more.
    pub used: Option<f64>,
    /// Is it well, as far as it says?
    pub healthy: Option<bool>,
    /// What it says, in French, when it is not.
    pub says: Option<&'static str>,
}

/// Every disk that says something. Blocking.
pub fn wear(root: &Path) -> Vec<Wear> {
    let blocks = files::within(&root.join("sys/block"), "");
    blocks.iter().filter_map(|block| of(block)).collect()
}

fn of(block: &Path) -> Option<Wear> {
    let device = files::name_of(block)?.to_owned();
    let plain = device.bytes().all(|b| b.is_ascii_alphanumeric());
    if !plain || device.len() > 32 {
        return None;
    }
    if device.starts_with("mmcblk") && !device.contains("boot") {
        return emmc(block, device);
    }
    let kind = ["nvme", "sd", "md"].into_iter().find(|kind| device.starts_with(kind))?;
    let says = match kind {
        "nvme" => state(block, &["dead", "deleting", "deleting (no IO)"]),
        "sd" => state(block, &["offline", "transport-offline"]),
        _ => missing_member(block),
    };
    // Here it answers: that it is well nobody says.
    let says = says?;
    Some(Wear { device, used: None, healthy: Some(false), says: Some(says) })
}

/// JESD84-B51 §7.4.7 (`PRE_EOL_INFO`, of the blocks kept in reserve) and §7.4.8 (device life time
/// estimation, in tenths, for each of two kinds of memory).
fn emmc(block: &Path, device: String) -> Option<Wear> {
    let hex = |word: &str| u8::from_str_radix(word.trim_start_matches("0x"), 16).ok();
    let tenths = files::text(&block.join("device/life_time"))
        .and_then(|text| text.split_ascii_whitespace().filter_map(hex).max());
    let reserve = files::text(&block.join("device/pre_eol_info")).and_then(|text| hex(text.trim()));
    let used = match tenths {
        Some(tenths @ 1..=11) => Some(f64::from(tenths - 1) / 10.0),
        _ => None,
    };
    let (healthy, says) = match (reserve, tenths) {
        (Some(3), _) => (Some(false), Some("plus de 90 % des blocs de réserve sont consommés")),
        (Some(2), _) => (Some(false), Some("plus de 80 % des blocs de réserve sont consommés")),
        (_, Some(11)) => (Some(false), Some("la durée de vie prévue est dépassée")),
        (Some(1), _) => (Some(true), None),
        _ => (None, None),
    };
    (used.is_some() || healthy.is_some()).then_some(Wear { device, used, healthy, says })
}

fn state(block: &Path, bad: &[&str]) -> Option<&'static str> {
    let state = files::text(&block.join("device/state"))?;
    bad.contains(&state.trim()).then_some("le disque ne répond plus au système")
}

fn missing_member(block: &Path) -> Option<&'static str> {
    let missing: u32 = files::word(&block.join("md/degraded"))?;
    (missing > 0).then_some("il manque un disque à l’ensemble RAID")
}
