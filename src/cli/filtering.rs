//! `preau filter`: who may go where, what is open, and why.

mod show;

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use ipnet::IpNet;
use jiff::{Timestamp, tz::TimeZone};
use preau::{
    access::Role,
    config::{Config, filter::Site},
    control::{
        filtering::{FilterAnswer, FilterAsk, Question},
        protocol::{Command as Words, Outcome},
    },
    filter::{
        Openings,
        lists::{Lists, ListsError},
        newest_lists, own_hosts,
        policy::{Explanation, Policy, Surroundings},
    },
};
use serde_json::json;

use super::{
    Common, ask,
    exit::{Exit, fail},
    filter, socket,
};

pub use self::show::tell;

/// About the policy; lists have their own.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// May these addresses be reached, and why? Exit code 77: one of them may not.
    ///
    /// Asks the daemon. With `--config`, judges by that file and the lists of its data folder,
    /// without a daemon: what would a policy do, before it is in force? With `--lists` alone, says
    /// which categories of a compiled file list them, and by which rule; the exit code is then 0
    /// whether they are listed or not.
    #[command(after_help = "Examples:\n  \
        preau filter test https://example.org/ --from 10.31.4.20\n  \
        preau filter test example.org --role pupil --at 2027-02-03T10:00\n  \
        preau filter test example.org --config my.toml\n  \
        preau filter test --lists lists.preau example.org http://0x7f.1/")]
    Test(QuestionArguments),
    /// The same, with every rule that was looked at.
    Explain(QuestionArguments),
    /// The policy in force: profiles, whom they are for, their rules.
    Policy,
    /// Open one site to one class for a while, two hours at most.
    ///
    /// It ends by itself, outlives a restart, and is written down. What the region locked stays
    /// closed.
    #[command(after_help = "Example:\n  \
        preau filter open video.example --network 10.31.4.0/24 --minutes 50 --by \"Mme B.\" \
        --reason \"cours de physique\"")]
    Open(OpenArguments),
    /// Close a site that was opened, before its time.
    Close {
        /// The site, as it was opened.
        site: Site,
        /// In this network alone.
        #[arg(long, value_name = "NETWORK")]
        network: Option<IpNet>,
        /// Who closes it.
        #[arg(long, default_value = "command line")]
        by: String,
    },
    /// Sites that are open for a while.
    Openings,
    /// What pupils asked the CMIL to look at again, from the page that tells them what was blocked.
    ///
    /// Those that wait come first. The answer is shown on /bloque to the device that asked, for a
    /// week.
    #[command(after_help = "Example:\n  \
        preau filter reviews\n  \
        preau filter reviews close 12 --answer \"Ouvert depuis ce matin.\" --by \"M. D.\"")]
    Reviews {
        #[command(subcommand)]
        what: Option<ReviewsCommand>,
    },
}

/// Requests to look again.
#[derive(Debug, Subcommand)]
pub enum ReviewsCommand {
    /// All of them [default].
    List,
    /// Answers one: it waits no longer.
    Close {
        /// Its number.
        id: u32,
        /// The words, for the pupil.
        #[arg(long, value_name = "TEXT")]
        answer: String,
        /// Who answers.
        #[arg(long, default_value = "command line")]
        by: String,
    },
}

#[derive(Debug, Args)]
pub struct QuestionArguments {
    /// Addresses, as a browser takes them. The path counts for http:// only: elsewhere nobody sees it.
    #[arg(required = true, value_name = "URL")]
    urls: Vec<String>,
    /// The device's address [default: one of no network].
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The interface (VLAN) that leads to it [default: as the daemon sees it].
    #[arg(long, value_name = "NAME")]
    interface: Option<String>,
    /// What the person who signed in is [default: as the daemon knows it now; with `--at`, nobody].
    #[arg(long)]
    role: Option<RoleName>,
    /// When: 2026-11-26T10:05, local time [default: now].
    #[arg(long, value_name = "MOMENT")]
    at: Option<String>,
    /// Compiled lists to ask; with `--config`, in place of the newest of the data folder.
    #[arg(long, value_name = "FILE")]
    lists: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct OpenArguments {
    /// The site: a domain with all below it, or an address.
    site: Site,
    /// The class's network, such as 10.31.4.0/24.
    #[arg(long, value_name = "NETWORK")]
    network: IpNet,
    /// For how long; 120 at most.
    #[arg(long, value_name = "MINUTES", default_value_t = 60)]
    minutes: u32,
    /// Who opens it.
    #[arg(long, default_value = "command line")]
    by: String,
    /// What for.
    #[arg(long, default_value = "")]
    reason: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    Pupil,
    Teacher,
    Documentaliste,
    Head,
    Staff,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Pupil => Self::Pupil,
            RoleName::Teacher => Self::Teacher,
            RoleName::Documentaliste => Self::Documentaliste,
            RoleName::Head => Self::Head,
            RoleName::Staff => Self::Staff,
        }
    }
}

impl QuestionArguments {
    fn questions(&self) -> impl Iterator<Item = Question> {
        self.urls.iter().map(|url| Question {
            url: url.clone(),
            from: self.from,
            interface: self.interface.clone(),
            role: self.role.map(Into::into),
            at: self.at.clone(),
        })
    }
}

/// Does what was typed.
pub fn carry_out(command: PolicyCommand, common: &Common) -> Exit {
    let ask = match command {
        PolicyCommand::Test(asked) => return question(asked, common, false),
        PolicyCommand::Explain(asked) => return question(asked, common, true),
        PolicyCommand::Policy => FilterAsk::Policy,
        PolicyCommand::Open(OpenArguments { site, network, minutes, by, reason }) => {
            FilterAsk::Open { site, network, minutes, by, reason }
        }
        PolicyCommand::Close { site, network, by } => FilterAsk::Close { site, network, by },
        PolicyCommand::Openings => FilterAsk::Openings,
        PolicyCommand::Reviews { what: None | Some(ReviewsCommand::List) } => FilterAsk::Reviews,
        PolicyCommand::Reviews { what: Some(ReviewsCommand::Close { id, answer, by }) } => {
            FilterAsk::Answer { id, text: answer, by }
        }
    };
    match socket(common) {
        Ok(socket) => ask::ask(&socket, Words::Filter { ask }, common.json),
        Err(exit) => exit,
    }
}

fn question(asked: QuestionArguments, common: &Common, whole: bool) -> Exit {
    if let (Some(lists), None, false) = (&asked.lists, &common.config, whole) {
        return filter::test(lists, &asked.urls, common.json);
    }
    let answers: Result<Vec<Explanation>, _> = match &common.config {
        Some(file) => Alone::open(file, asked.lists.as_deref())
            .and_then(|alone| asked.questions().map(|question| alone.ask(&question)).collect()),
        None => match socket(common) {
            Ok(socket) => asked.questions().map(|question| daemons(&socket, question)).collect(),
            Err(exit) => return exit,
        },
    };
    let answers = match answers {
        Ok(answers) => answers,
        Err((exit, why)) => return fail(exit, why),
    };
    match &answers[..] {
        [one] if common.json => println!("{}", json!(one)),
        all if common.json => println!("{}", json!(all)),
        all => {
            let told = asked.urls.iter().zip(all);
            told.for_each(|(url, told)| show::explained(url, told, whole));
        }
    }
    let all = answers.iter().all(|told| told.reason.allowed);
    if all { Exit::Good } else { Exit::NoPermission }
}

type Told = Result<Explanation, (Exit, String)>;

fn daemons(socket: &Path, question: Question) -> Told {
    let words = Words::Filter { ask: FilterAsk::Explain(question) };
    match preau::control::client::ask(socket, words, &mut |_| {}) {
        Ok(Outcome::Filter(FilterAnswer::Explained(told))) => Ok(*told),
        Ok(_) => Err((Exit::Software, "the daemon answered something else".into())),
        Err(error) => Err((ask::exit_of(&error), error.to_string())),
    }
}

/// A file's policy, without a daemon.
struct Alone {
    policy: Policy,
    lists: Option<Lists>,
    zone: TimeZone,
}

impl Alone {
    fn open(file: &Path, lists: Option<&Path>) -> Result<Self, (Exit, String)> {
        let (config, _) =
            Config::load(file).map_err(|error| (Exit::of_config(&error), error.render(false)))?;
        let zone = TimeZone::get(&config.school.timezone).unwrap_or(TimeZone::UTC);
        let lists = match lists {
            Some(file) => {
                let unread = |error: ListsError| (Exit::Data, error.to_string());
                Some(Lists::open(file).map_err(unread)?)
            }
            None => newest_lists(&config.store.path.join("lists")),
        };
        let surroundings = Surroundings::of(lists.as_ref(), own_hosts(&config));
        let merged = config.filter.merged();
        let policy = Policy::compile(&merged, &surroundings, zone.clone(), Timestamp::now());
        let complaints = merged.set_aside.iter().chain(policy.complaints());
        complaints.for_each(|complaint| eprintln!("{complaint}"));
        Ok(Self { policy, lists, zone })
    }

    fn ask(&self, question: &Question) -> Told {
        let asked = question.read(&self.zone).map_err(|why| (Exit::Data, why))?;
        let (who, target) = (asked.who(), asked.typed.target());
        let nothing_open = Openings::default();
        Ok(self.policy.explain(self.lists.as_ref(), &nothing_open, &who, &target, asked.at))
    }
}
