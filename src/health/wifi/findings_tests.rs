use super::*;
use crate::health::wifi::survey::{ApState, Kind as Maker, Radio, Totals};

fn minute(at: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + at * 60).unwrap()
}

fn mac(number: u8) -> Mac {
    Mac([0, 0, 0, 0, 0, number])
}

/// A look at ten access points, five in building A, four in B and one nowhere; those named are down.
fn survey(at: i64, down: &[u8]) -> Survey {
    let point = |number: u8| AccessPoint {
        name: Some(format!("ap{number}")),
        state: Some(if down.contains(&number) { ApState::Down } else { ApState::Up }),
        ..AccessPoint::new(mac(number))
    };
    let radio = |number: u8| Radio { clients: Some(10), ..Radio::new(mac(number), 0) };
    Survey {
        controller: "lycee".into(),
        kind: Maker::Cisco,
        at: minute(at),
        description: None,
        up_time_centiseconds: 1,
        access_points: (0..10).map(point).collect(),
        whole: true,
        radios: (0..10).filter(|number| !down.contains(number)).map(radio).collect(),
        ssids: Vec::new(),
        totals: Totals::default(),
        gaps: Vec::new(),
    }
}

fn places() -> Places {
    let mut text = "access_point;room;building\n".to_owned();
    for number in 0..9 {
        let building = if number < 5 { "A" } else { "B" };
        text.push_str(&format!("ap{number};{building} {number};{building}\n"));
    }
    Places::parse(&text).unwrap()
}

/// A controller that was looked at.
struct Watched {
    before: Before,
    roster: Roster,
    places: Places,
    last: Option<Survey>,
}

impl Watched {
    fn new() -> Self {
        let (before, roster) = (Before::default(), Roster::default());
        Self { before, roster, places: places(), last: None }
    }

    fn look(&mut self, at: i64, down: &[u8]) -> Vec<Finding> {
        let survey = survey(at, down);
        self.roster.take(&survey, survey.at);
        self.before.answered(&survey, &self.roster, &self.places);
        self.last = Some(survey);
        findings(&self.scene())
    }

    fn silence(&mut self, at: i64) -> Vec<Finding> {
        self.before.silent(minute(at), &PollError::Silent);
        self.roster.unreachable("lycee", minute(at));
        findings(&self.scene())
    }

    fn scene(&self) -> Scene<'_> {
        Scene {
            controller: "lycee",
            address: "10.1.0.5:161",
            survey: self.last.as_ref(),
            before: &self.before,
            roster: &self.roster,
            places: &self.places,
        }
    }
}

fn of<'a>(all: &'a [Finding], kind: Kind, subject: &str) -> &'a Finding {
    all.iter().find(|one| one.kind == kind && one.subject == subject).unwrap()
}

fn wrong(all: &[Finding]) -> Vec<(Kind, &str)> {
    let wrong = all.iter().filter(|one| one.verdict == Verdict::Wrong);
    wrong.map(|one| (one.kind, &*one.subject)).collect()
}

#[test]
fn a_controller_is_silent_after_two_looks_and_nothing_is_known_of_its_access_points_from_the_first()
{
    let mut watched = Watched::new();
    assert_eq!(findings(&watched.scene()), [], "nobody has looked");
    let good = watched.look(0, &[3]);
    assert_eq!(wrong(&good), [(Kind::AccessPointDown, "00:00:00:00:00:03")]);
    let doubt = watched.silence(1);
    assert!(watched.before.doubts());
    assert!(doubt.iter().all(|one| one.verdict == Verdict::Unknown), "{doubt:?}");
    let silent = watched.silence(2);
    assert!(!watched.before.doubts());
    assert_eq!(wrong(&silent), [(Kind::ControllerSilent, "lycee")]);
    let one = of(&silent, Kind::ControllerSilent, "lycee");
    assert_eq!((one.since, one.last_good), (minute(1), Some(minute(0))));
    assert_eq!((one.access_points, one.clients, one.rooms.len()), (10, Some(90), 9));
    let back = watched.look(3, &[3]);
    let one = of(&back, Kind::ControllerSilent, "lycee");
    assert_eq!((one.verdict, one.since), (Verdict::Good, minute(3)));
}

#[test]
fn the_access_points_of_a_building_are_one_wing_with_its_rooms_and_the_clients_of_just_before() {
    let mut watched = Watched::new();
    watched.look(0, &[]);
    let down = watched.look(1, &[5, 6, 7, 8]);
    let wings: Vec<_> =
        wrong(&down).into_iter().filter(|(kind, _)| *kind == Kind::WingDown).collect();
    assert_eq!(wings, [(Kind::WingDown, "lycee/B")]);
    let wing = of(&down, Kind::WingDown, "lycee/B");
    assert_eq!((wing.access_points, wing.clients), (4, Some(40)));
    assert_eq!(wing.rooms, ["B 5", "B 6", "B 7", "B 8"]);
    assert_eq!(wing.detail, "4 des 4 bornes Wi-Fi du bâtiment B sont hors service.");
    let point = of(&down, Kind::AccessPointDown, "00:00:00:00:00:05");
    assert_eq!(point.within, ["lycee", "lycee/B"]);
    assert_eq!((point.rooms.as_slice(), point.clients), (["B 5".to_owned()].as_slice(), Some(10)));
}

#[test]
fn most_of_a_controller_is_a_wing_and_half_of_it_is_not() {
    let mut watched = Watched::new();
    watched.look(0, &[]);
    let half = watched.look(1, &[0, 1, 5, 6]);
    assert!(wrong(&half).iter().all(|(kind, _)| *kind == Kind::AccessPointDown), "{half:?}");
    let most = watched.look(2, &[0, 1, 2, 3, 5, 6, 7, 8]);
    let wing = of(&most, Kind::WingDown, "lycee");
    assert_eq!((wing.verdict, wing.access_points), (Verdict::Wrong, 8));
}

#[test]
fn what_was_taken_away_long_ago_makes_no_wing() {
    let mut watched = Watched::new();
    watched.look(0, &[]);
    let week = 8 * 24 * 60;
    let mut all = Vec::new();
    for at in [1, 2, week] {
        let mut survey = survey(at, &[]);
        survey.access_points.retain(|one| !(5..9).contains(&one.mac.0[5]));
        watched.roster.take(&survey, survey.at);
        watched.before.answered(&survey, &watched.roster, &watched.places);
        watched.last = Some(survey);
        all.push(findings(&watched.scene()));
    }
    assert_eq!(of(&all[1], Kind::WingDown, "lycee/B").verdict, Verdict::Wrong);
    assert!(!all[2].iter().any(|one| one.subject == "lycee/B"), "too few are left to speak of");
    assert_eq!(of(&all[2], Kind::WingDown, "lycee").verdict, Verdict::Good);
}

#[test]
fn evidence_tells_each_look_in_a_line() {
    let mut watched = Watched::new();
    watched.look(0, &[]);
    watched.look(1, &[5, 6, 7, 8]);
    watched.silence(2);
    let told = |kind, subject| {
        let lines = evidence(&watched.scene(), kind, subject, minute(0), minute(9));
        lines.into_iter().map(|one| one.says).collect::<Vec<_>>()
    };
    assert_eq!(
        told(Kind::WingDown, "lycee/B"),
        [
            "lycee/B : 4 bornes en service, 0 hors service, 100 appareils connectés en tout",
            "lycee/B : 0 bornes en service, 4 hors service, 60 appareils connectés en tout",
            "lycee : pas de réponse SNMP",
        ]
    );
    let point = told(Kind::AccessPointDown, "00:00:00:00:00:05");
    assert_eq!(point[1], "borne signalée hors service par son contrôleur");
    let few = evidence(&watched.scene(), Kind::ControllerSilent, "lycee", minute(1), minute(1));
    assert_eq!(few.len(), 1);
    for (kind, subject, about) in [
        (Kind::ControllerSilent, "lycee", true),
        (Kind::WingDown, "lycee/B", true),
        (Kind::WingDown, "lycee2/B", false),
        (Kind::AccessPointDown, "00:00:00:00:00:05", true),
        (Kind::AccessPointDown, "00:00:00:00:00:99", false),
        (Kind::LinkDown, "lycee", false),
    ] {
        assert_eq!(is_about(&watched.scene(), kind, subject), about, "{kind:?} {subject}");
    }
}

#[test]
fn looks_are_remembered_up_to_a_bound() {
    let mut watched = Watched::new();
    for at in 0..200 {
        watched.look(at, &[]);
    }
    assert_eq!(watched.before.looks.len(), MAX_LOOKS);
}
