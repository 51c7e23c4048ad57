//! Controllers are read as they are: five recorded walks of real ones, served by others' simulator, give
//! what an independent monitoring system reads in them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops where something is wrong"
)]

mod support;
mod wifi_support;

use std::time::Duration;

use preau::{
    config::{AuthProtocol, Period, PrivacyProtocol},
    health::wifi::{ApState, Band, Kind, PollError, Survey},
};
use wifi_support::{Simulator, User, look, secret};

fn radios_of<'a>(
    survey: &'a Survey,
    name: &str,
) -> impl Iterator<Item = &'a preau::health::wifi::Radio> {
    let named = |one: &&preau::health::wifi::AccessPoint| one.name.as_deref() == Some(name);
    let mac = survey.access_points.iter().find(named).unwrap().mac;
    survey.radios.iter().filter(move |radio| radio.mac == mac)
}

#[tokio::test]
async fn an_aruba_controller_of_1386_access_points_is_read_whole() {
    let Some(simulator) = Simulator::start(&["arubaos"], None) else { return };
    let survey = look(&simulator.controller("arubaos")).await.unwrap();
    assert_eq!(survey.kind, Kind::Aruba);
    assert_eq!(survey.access_points_in_all(), Some(1386));
    assert_eq!(survey.clients_in_all(), Some(2654));
    // The walk has no table of access points: their names come from the radios', which are 1,380 of
    // 690, with other sums than the totals. Both are told.
    assert_eq!((survey.access_points.len(), survey.radios.len()), (690, 1380));
    assert_eq!(survey.clients_of_radios(), Some(6695));
    assert!(survey.access_points.iter().all(|one| one.name.is_some() && one.state.is_none()));
    assert!(survey.whole);
    assert!(survey.gaps.iter().any(|gap| gap == "wlsxWlanAPTable: not there"), "{:?}", survey.gaps);
    let radio = radios_of(&survey, "ar6-bib4le2n").find(|radio| radio.number == 1).unwrap();
    assert_eq!((radio.channel, radio.band), (Some(44), Some(Band::Five)));
    assert_eq!((radio.clients, radio.utilisation_percent), (Some(18), Some(4)));
    assert_eq!((radio.power_dbm, radio.interference), (Some(19.0), Some(25)));
    assert_eq!(radio.noise_dbm, None, "the walk has no column of noise: unknown, not zero");
}

#[tokio::test]
async fn an_aruba_controller_with_13_access_points_says_which_4_are_down() {
    let Some(simulator) = Simulator::start(&["aruba-7210"], None) else { return };
    let survey = look(&simulator.controller("aruba-7210")).await.unwrap();
    assert_eq!(survey.access_points.len(), 13);
    assert_eq!((survey.in_state(ApState::Up), survey.in_state(ApState::Down)), (9, 4));
    assert_eq!((survey.totals.access_points, survey.totals.clients), (Some(9), Some(67)));
    assert_eq!((survey.radios.len(), survey.clients_of_radios()), (16, Some(69)));
    assert!(survey.whole);
    let first = &survey.access_points[0];
    assert_eq!(first.mac.to_string(), "00:0b:86:81:4e:a8");
    assert_eq!(first.name.as_deref(), Some("SH-JXL-B1-jifang"));
    assert_eq!((first.serial.as_deref(), first.model.as_deref()), (Some("BN0015340"), Some("93H")));
    assert_eq!((first.software.as_deref(), first.reboots), (Some("6.5.1.6"), Some(3)));
    assert_eq!(first.up_time_seconds, Some(1_440_485));
    assert_eq!(first.address.unwrap().to_string(), "10.20.101.254");
    let radio = radios_of(&survey, "SH-JXL-B1-jifang").next().unwrap();
    assert_eq!((radio.channel, radio.noise_dbm), (Some(11), Some(-86)));
    assert_eq!((radio.power_dbm, radio.band), (Some(18.0), Some(Band::Two)));
    let down = survey.access_points.iter().find(|one| one.state == Some(ApState::Down)).unwrap();
    assert_eq!(down.up_time_seconds, None, "it is not up for zero seconds");
    assert_eq!(survey.ssids.len(), 8);
    let known = survey.ssids.iter().find(|ssid| ssid.name == "BUPT-1").unwrap();
    assert_eq!((known.clients, known.access_points_up), (Some(0), Some(1)));
}

#[tokio::test]
async fn an_aruba_instant_cluster_has_3_access_points_and_nobody_there() {
    let Some(simulator) = Simulator::start(&["aruba-instant"], None) else { return };
    let survey = look(&simulator.controller("aruba-instant")).await.unwrap();
    assert_eq!(survey.kind, Kind::ArubaInstant);
    assert_eq!((survey.access_points_in_all(), survey.clients_in_all()), (Some(3), Some(0)));
    assert_eq!(survey.in_state(ApState::Up), 3);
    assert_eq!(survey.radios.len(), 8);
    assert!(survey.radios.iter().all(|radio| radio.clients == Some(0)));
    let off = survey.radios.iter().filter(|radio| radio.on == Some(false)).count();
    assert_eq!(off, 2, "two radios of 2.4 GHz are switched off");
    let third = survey.radios.iter().find(|radio| radio.number == 2).unwrap();
    assert_eq!((third.channel, third.band), (Some(53), None), "channel 53S is none of 5 GHz");
    let names: Vec<_> = survey.ssids.iter().map(|ssid| ssid.name.as_str()).collect();
    assert_eq!(names, ["ECA-Corp", "ECA-Public", "EOU-Regional"]);
    assert!(survey.ssids.iter().all(|ssid| ssid.clients == Some(0)));
    let models: Vec<_> =
        survey.access_points.iter().map(|one| one.model.as_deref().unwrap()).collect();
    assert_eq!(models, ["635", "635", "225"]);
    let radio = radios_of(&survey, "ECA-Ultimo-L11-AP06").next().unwrap();
    assert_eq!(
        (radio.channel, radio.noise_dbm, radio.power_dbm),
        (Some(161), Some(-94), Some(16.0))
    );
}

#[tokio::test]
async fn a_cisco_controller_of_226_access_points_has_452_radios_at_work() {
    let Some(simulator) = Simulator::start(&["cisco-5500-226ap"], None) else { return };
    let survey = look(&simulator.controller("cisco-5500-226ap")).await.unwrap();
    assert_eq!(survey.kind, Kind::Cisco);
    assert_eq!((survey.access_points.len(), survey.in_state(ApState::Up)), (226, 226));
    assert_eq!((survey.radios.len(), survey.clients_of_radios()), (452, Some(94)));
    assert_eq!(survey.clients_in_all(), Some(95), "by network");
    let first = &survey.access_points[0];
    assert_eq!(first.mac.to_string(), "00:3a:98:b0:2e:70");
    assert_eq!(first.name.as_deref(), Some("erjiao_sw"));
    assert_eq!(first.model.as_deref(), Some("AIR-LAP1242AG-C-K9"));
    assert_eq!((first.group.as_deref(), first.up_time_seconds), (Some("erjiao"), Some(10_280_873)));
    let radio = radios_of(&survey, "erjiao_sw").next().unwrap();
    assert_eq!((radio.channel, radio.band), (Some(6), Some(Band::Two)));
    assert_eq!((radio.power_level, radio.power_dbm), (Some(3), Some(11.0)));
    assert_eq!((radio.utilisation_percent, radio.poor_clients), (Some(27), Some(0)));
    let heard = survey.radios.iter().filter(|radio| radio.noise_dbm.is_some()).count();
    assert!(heard > 400, "{heard} radios know the noise on their channel");
    assert!(survey.radios.iter().all(|one| one.noise_dbm.is_none_or(|dbm| dbm > -128)));
}

#[tokio::test]
async fn a_small_cisco_controller_has_4_access_points_and_23_clients_all_on_ssid1() {
    let Some(simulator) = Simulator::start(&["ciscowlc_cbw240ac"], None) else { return };
    let survey = look(&simulator.controller("ciscowlc_cbw240ac")).await.unwrap();
    assert_eq!((survey.access_points_in_all(), survey.clients_in_all()), (Some(4), Some(23)));
    assert_eq!(survey.clients_of_radios(), Some(23));
    for ssid in &survey.ssids {
        assert_eq!(ssid.clients, Some(if ssid.name == "ssid1" { 23 } else { 0 }), "{}", ssid.name);
    }
    let names: Vec<_> =
        survey.access_points.iter().map(|one| one.name.as_deref().unwrap()).collect();
    assert_eq!(names.len(), 4);
    assert!(names.contains(&"ap1") && names.contains(&"ap4"));
    // Of these the walk has names alone: how they are is not known.
    assert!(survey.access_points.iter().all(|one| one.state.is_none() && one.model.is_none()));
}

#[tokio::test]
async fn version_3_reads_the_same_with_the_ciphers_of_old_and_new_controllers() {
    for user in [
        User { auth: ("SHA", AuthProtocol::Sha), privacy: ("AES", PrivacyProtocol::Aes) },
        User {
            auth: ("SHA256", AuthProtocol::Sha256),
            privacy: ("AES256", PrivacyProtocol::Aes256Cisco),
        },
        User {
            auth: ("SHA512", AuthProtocol::Sha512),
            privacy: ("AES256BLMT", PrivacyProtocol::Aes256),
        },
    ] {
        let walk = "ciscowlc_cbw240ac";
        let Some(simulator) = Simulator::start(&[walk], Some(user)) else { return };
        let mut controller = simulator.controller_of_user(walk, user);
        let survey = look(&controller).await.unwrap_or_else(|error| panic!("{user:?}: {error}"));
        assert_eq!((survey.access_points.len(), survey.clients_in_all()), (4, Some(23)));
        let v3 = controller.v3.as_mut().unwrap();
        v3.auth_key_file = secret(simulator.folder.path(), "wrong", "not the password");
        controller.timeout = Period(Duration::from_millis(300));
        assert_eq!(look(&controller).await, Err(PollError::Silent), "and no table");
    }
}
