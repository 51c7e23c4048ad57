//! The box's own radio, if it has one: what the channel that it is on sounds like (nl80211, the survey
//! that `iw dev wlan0 survey dump` shows). A box without one tells nothing, and asks nothing.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::{StreamExt as _, TryStream, TryStreamExt as _};
use jiff::Timestamp;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use wl_nl80211::{
    Nl80211Attr, Nl80211Error, Nl80211Message, Nl80211Survey, Nl80211SurveyInfo, new_connection,
    packet_generic::GenlMessage,
};

use super::{
    metrics::{OWN_RADIO_BUSY, OWN_RADIO_CHANNEL, OWN_RADIO_NOISE},
    sample::{Source, Telling},
};

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(60);
/// The kernel answers within this.
const PATIENCE: Duration = Duration::from_secs(5);
/// Interfaces that are looked at.
const MAX_INTERFACES: usize = 8;
/// Messages of one answer: a channel each, in every band.
const MAX_MESSAGES: usize = 256;

/// What an interface hears on its channel.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// When.
    pub at: Timestamp,
    /// Frequency of the channel, in MHz.
    pub megahertz: u32,
    /// Noise there, in dBm.
    pub noise: Option<i8>,
    /// Part of the time since the look before in which it was used.
    pub busy: Option<f64>,
    /// Milliseconds listened, and of these found used, since the radio started.
    listened: Option<(u64, u64)>,
}

/// An interface that has a radio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its number.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// The frequency that it is on, in MHz; nothing: it is on none.
    pub megahertz: Option<u32>,
}

/// The interface that these attributes of an answer describe.
pub fn interface(attributes: &[Nl80211Attr]) -> Option<Interface> {
    let (mut index, mut name, mut megahertz) = (None, None, None);
    for attribute in attributes {
        match attribute {
            Nl80211Attr::IfIndex(number) => index = Some(*number),
            Nl80211Attr::IfName(text) => name = Some(text.clone()),
            Nl80211Attr::WiphyFreq(frequency) => megahertz = Some(*frequency),
            _ => {}
        }
    }
    Some(Interface { index: index?, name: name?, megahertz })
}

/// What an interface hears on the frequency that it is on, of answers about all channels.
pub fn heard(
    interface: &Interface,
    answers: &[Vec<Nl80211Attr>],
    before: Option<&Heard>,
    now: Timestamp,
) -> Option<Heard> {
    let on = interface.megahertz?;
    let mut surveys = answers.iter().flatten().filter_map(|attribute| match attribute {
        Nl80211Attr::SurveyInfo(info) => Some(info),
        _ => None,
    });
    let is_on = |info: &&Vec<Nl80211SurveyInfo>| info.contains(&Nl80211SurveyInfo::Frequency(on));
    let info = surveys.find(is_on)?;
    let (mut noise, mut active, mut used) = (None, None, None);
    for one in info {
        match one {
            Nl80211SurveyInfo::Noise(dbm) => noise = Some(*dbm),
            Nl80211SurveyInfo::ActiveTime(time) => active = Some(*time),
            Nl80211SurveyInfo::BusyTime(time) => used = Some(*time),
            _ => {}
        }
    }
    let listened = active.zip(used);
    let before = before.filter(|before| before.megahertz == on).and_then(|before| before.listened);
    Some(Heard { at: now, megahertz: on, noise, busy: busy(before, listened), listened })
}

/// Of two counts; one that is smaller than before has started anew.
#[expect(clippy::cast_precision_loss, reason = "milliseconds of a radio's life")]
fn busy(before: Option<(u64, u64)>, now: Option<(u64, u64)>) -> Option<f64> {
    let (active, used) = now?;
    let (active, used) = match before {
        Some((active_before, used_before)) if active >= active_before && used >= used_before => {
            (active - active_before, used - used_before)
        }
        _ => (active, used),
    };
    (active > 0 && used <= active).then(|| used as f64 / active as f64)
}

/// The box's radios, listened to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Radios(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Above `sys`.
    root: PathBuf,
    seen: Mutex<BTreeMap<String, Heard>>,
}

impl Radios {
    /// Those of the machine whose `sys` is below this.
    pub fn new(root: &Path) -> Self {
        Self(Arc::new(Shared { root: root.to_owned(), seen: Mutex::default() }))
    }

    /// Listens, until cancelled.
    pub async fn run(&self, token: CancellationToken) {
        let listen = async {
            loop {
                match timeout(PATIENCE, self.look(Timestamp::now())).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "the radio cannot be asked"),
                    Err(_) => tracing::debug!("the kernel says nothing of the radio"),
                }
                sleep(EVERY).await;
            }
        };
        token.run_until_cancelled(listen).await;
    }

    /// Looks once.
    ///
    /// # Errors
    /// The kernel does not tell.
    pub async fn look(&self, now: Timestamp) -> Result<(), Nl80211Error> {
        if !self.has_any() {
            self.seen().clear();
            return Ok(());
        }
        let (connection, handle, _events) =
            new_connection().map_err(|error| Nl80211Error::RequestFailed(error.to_string()))?;
        // Ended with this look.
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(connection);
        let asked = handle.interface().get(Vec::new()).execute().await;
        let answers = all(asked).await?;
        let interfaces = answers.iter().filter_map(|attributes| interface(attributes));
        let mut now_heard = BTreeMap::new();
        for one in interfaces.filter(|one| one.megahertz.is_some()).take(MAX_INTERFACES) {
            let survey = Nl80211Survey::new(one.index).build();
            // A driver that keeps no survey says so; others may.
            let answers = all(handle.survey().dump(survey).execute().await).await;
            let before = self.seen().get(&one.name).cloned();
            let heard = heard(&one, &answers.unwrap_or_default(), before.as_ref(), now);
            now_heard.extend(heard.map(|heard| (one.name, heard)));
        }
        *self.seen() = now_heard;
        Ok(())
    }

    /// Has the machine a radio at all? Without one, there is nobody to ask.
    fn has_any(&self) -> bool {
        let radios = fs::read_dir(self.0.root.join("sys/class/ieee80211"));
        radios.is_ok_and(|mut radios| radios.next().is_some())
    }

    fn seen(&self) -> MutexGuard<'_, BTreeMap<String, Heard>> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The attributes of each message of an answer.
async fn all(
    answer: impl TryStream<Ok = GenlMessage<Nl80211Message>, Error = Nl80211Error>,
) -> Result<Vec<Vec<Nl80211Attr>>, Nl80211Error> {
    let messages = answer.into_stream().take(MAX_MESSAGES);
    messages.map_ok(|message| message.payload.attributes).try_collect().await
}

impl Source for Radios {
    fn tell(&self, _now: Timestamp, telling: &mut Telling) {
        for (name, heard) in self.seen().iter() {
            let (labels, at) = ([name.as_str()], heard.at);
            telling.say(&OWN_RADIO_CHANNEL, &labels, at, f64::from(heard.megahertz) * 1e6);
            telling.say_known(&OWN_RADIO_NOISE, &labels, at, heard.noise.map(f64::from));
            telling.say_known(&OWN_RADIO_BUSY, &labels, at, heard.busy);
        }
    }
}

#[cfg(test)]
mod tests {
    use wl_nl80211::Nl80211Command;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// As the kernel would send it: written, and read again.
    fn sent(attributes: Vec<Nl80211Attr>) -> Vec<Nl80211Attr> {
        use wl_nl80211::packet_core::{Emitable as _, ParseableParametrized as _};
        let message = Nl80211Message { cmd: Nl80211Command::NewSurveyResults, attributes };
        let mut bytes = vec![0; message.buffer_len()];
        message.emit(&mut bytes);
        let header = wl_nl80211::packet_generic::GenlHeader { cmd: message.cmd.into(), version: 1 };
        Nl80211Message::parse_with_param(&bytes, header).unwrap().attributes
    }

    fn survey(megahertz: u32, more: Vec<Nl80211SurveyInfo>) -> Vec<Nl80211Attr> {
        let info = [vec![Nl80211SurveyInfo::Frequency(megahertz)], more].concat();
        sent(vec![Nl80211Attr::IfIndex(3), Nl80211Attr::SurveyInfo(info)])
    }

    fn times(active: u64, used: u64) -> Vec<Nl80211SurveyInfo> {
        vec![
            Nl80211SurveyInfo::Noise(-95),
            Nl80211SurveyInfo::ActiveTime(active),
            Nl80211SurveyInfo::BusyTime(used),
        ]
    }

    fn wlan() -> Interface {
        let attributes = sent(vec![
            Nl80211Attr::IfIndex(3),
            Nl80211Attr::IfName("wlan0".into()),
            Nl80211Attr::WiphyFreq(5180),
        ]);
        interface(&attributes).unwrap()
    }

    #[test]
    fn of_all_channels_that_which_the_radio_is_on_is_told_with_its_use_since_the_last_look() {
        let wlan = wlan();
        assert_eq!((wlan.name.as_str(), wlan.megahertz), ("wlan0", Some(5180)));
        let answers = |active, used| {
            vec![
                survey(2412, times(900, 900)),
                survey(5180, times(active, used)),
                survey(5200, vec![]),
            ]
        };
        let first = heard(&wlan, &answers(1000, 500), None, at(0)).unwrap();
        assert_eq!((first.megahertz, first.noise, first.busy), (5180, Some(-95), Some(0.5)));
        let second = heard(&wlan, &answers(2000, 600), Some(&first), at(60)).unwrap();
        assert_eq!(second.busy, Some(0.1), "since the look before");
        let anew = heard(&wlan, &answers(100, 40), Some(&second), at(120)).unwrap();
        assert_eq!(anew.busy, Some(0.4), "the driver was started anew");
        let lie = heard(&wlan, &answers(200, 900), Some(&anew), at(180)).unwrap();
        assert_eq!(lie.busy, None, "used for longer than it listened");
    }

    #[test]
    fn what_a_driver_does_not_say_is_unknown_and_a_radio_on_no_channel_hears_nothing() {
        let quiet = heard(&wlan(), &[survey(5180, vec![])], None, at(0)).unwrap();
        assert_eq!((quiet.noise, quiet.busy), (None, None));
        assert_eq!(heard(&wlan(), &[survey(5200, times(1, 1))], None, at(0)), None);
        assert_eq!(heard(&wlan(), &[], None, at(0)), None);
        let off = Interface { megahertz: None, ..wlan() };
        assert_eq!(heard(&off, &[survey(5180, times(1, 1))], None, at(0)), None);
        assert_eq!(interface(&sent(vec![Nl80211Attr::IfName("wlan0".into())])), None);
    }

    #[tokio::test]
    async fn a_machine_without_a_radio_tells_nothing_and_one_tells_what_it_hears() {
        let root = tempfile::tempdir().unwrap();
        let radios = Radios::new(root.path());
        let told = |radios: &Radios| {
            let mut telling = Telling::default();
            radios.tell(at(99), &mut telling);
            let line = |one: &super::super::sample::Sample| {
                format!("{} {} {}", one.metric.name, one.labels.join(","), one.value)
            };
            telling.samples().iter().map(line).collect::<Vec<_>>()
        };
        let heard = heard(&wlan(), &[survey(5180, times(4, 1))], None, at(0)).unwrap();
        radios.seen().insert("wlan0".into(), heard);
        assert_eq!(
            told(&radios),
            [
                "preau_wifi_own_radio_frequency_hertz wlan0 5180000000",
                "preau_wifi_own_radio_noise_dbm wlan0 -95",
                "preau_wifi_own_radio_utilization_ratio wlan0 0.25"
            ]
        );
        radios.look(at(1)).await.unwrap();
        assert_eq!(told(&radios), [""; 0], "it was taken out");
    }
}
