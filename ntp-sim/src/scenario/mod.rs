//! Scenarios: what a file in `scenarios/` says.
//!
//! A file holds `[defaults]` and any number of `[[scenario]]`; each scenario is the defaults with
//! its own keys laid over them, table by table. All times are in seconds, all rates are plain
//! ratios, and all offsets are clock minus truth.

mod catalogue;
mod print;
mod queue;

pub use catalogue::{Catalogue, CatalogueError};
pub use queue::{Queue, Shape};
use serde::{Deserialize, Serialize};

/// One experiment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Scenario {
    /// Its name, unique in the catalogue.
    pub name: String,
    /// What it shows.
    #[serde(default)]
    pub about: String,
    /// How long it lasts.
    pub duration: f64,
    /// Statistics begin here.
    #[serde(default)]
    pub skip: f64,
    /// And end here, if before the end.
    #[serde(default)]
    pub until: Option<f64>,
    /// The range of the poll interval, log₂ of seconds.
    pub poll: [i8; 2],
    /// Requests two seconds apart at start.
    #[serde(default = "default_burst")]
    pub burst: u8,
    /// Whether the clock may be stepped.
    #[serde(default = "yes")]
    pub step: bool,
    /// The Unix time at which it begins.
    #[serde(default = "default_epoch")]
    pub epoch: i64,
    /// A leap second.
    #[serde(default)]
    pub leap: Option<Leap>,
    /// The client's clock.
    #[serde(default)]
    pub clock: Oscillator,
    /// The machine sleeps.
    #[serde(default)]
    pub suspends: Vec<Suspend>,
    /// The machine is paused from outside, as a virtual one is: all its clocks stand still, and it
    /// does not notice.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// The path to every server that has none of its own.
    #[serde(default)]
    pub link: Link,
    /// The servers; one perfect server if none is named.
    #[serde(default)]
    pub server: Vec<ServerScenario>,
    /// What others reached.
    #[serde(default)]
    pub stored: Stored,
}

/// The oscillator of a clock, and what happens to the clock.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Oscillator {
    /// How far the clock is ahead at first.
    pub offset: f64,
    /// The rate error at first.
    pub rate: f64,
    /// The standard deviation of the change of the rate from one second to the next.
    pub wander: f64,
    /// A sinusoidal swing of the rate, as temperature makes it.
    pub swing: Option<Swing>,
    /// Sudden changes of the rate.
    pub rate_steps: Vec<Change>,
    /// Somebody else steps the clock.
    pub clock_steps: Vec<Change>,
}

/// Something changes at an instant.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Change {
    /// When.
    pub at: f64,
    /// By how much.
    pub by: f64,
    /// The client's machine does not notice: its driver reports no disturbance.
    #[serde(default)]
    pub unseen: bool,
}

/// A sinusoidal swing.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Swing {
    /// Its amplitude.
    pub amplitude: f64,
    /// Its period.
    pub period: f64,
}

/// The machine sleeps: nothing is sent or received, and its clock is off afterwards.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Suspend {
    /// The start, in seconds of true time.
    pub at: f64,
    /// For how long.
    pub length: f64,
    /// What the clock has gained when it is set from the hardware clock afterwards.
    #[serde(default)]
    pub gains: f64,
}

/// All clocks of the machine stand still; nothing is sent or received.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Pause {
    /// The start, in seconds of true time.
    pub at: f64,
    /// For how long.
    pub length: f64,
}

/// A leap second.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Leap {
    /// When it has happened: for an insertion, the end of 23:59:60; the epoch must make that a
    /// midnight.
    pub at: f64,
    /// Insertion or deletion.
    pub insert: bool,
}

/// The direction of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// To the server.
    Request,
    /// To the client.
    Response,
}

/// The shape of jitter; its size is the link's `jitter`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// None at all.
    Constant,
    /// Mean `jitter`.
    #[default]
    Exponential,
    /// Standard deviation `jitter`; the whole delay is cut at zero.
    Gaussian,
    /// Median `jitter`, shape 1.
    Lognormal,
    /// Scale `jitter`, tail index 1.5: no variance.
    Pareto,
    /// The sum of three exponentials of a third of `jitter` each.
    ThreeExponentials,
    /// Between 0 and `jitter`.
    Uniform,
}

/// Both directions of a path.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Link {
    /// The shortest delay, each way.
    pub base: f64,
    /// The size of the jitter, each way.
    pub jitter: f64,
    /// Where requests have another.
    pub request_jitter: Option<f64>,
    /// Where responses have another.
    pub response_jitter: Option<f64>,
    /// Its shape.
    pub law: Law,
    /// The share of packets that get lost, each way.
    pub loss: f64,
    /// The share of packets that arrive twice.
    pub duplicates: f64,
    /// Single packets that are held up.
    pub spikes: Spikes,
    /// Recurring spells of congestion.
    pub bursts: Vec<Burst>,
    /// Changes of the route.
    pub routes: Vec<Route>,
    /// Queues that grow and shrink slowly.
    pub queues: Vec<Queue>,
    /// The network is there only from time to time.
    pub up: Option<Window>,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            base: 1e-4,
            jitter: 1e-5,
            request_jitter: None,
            response_jitter: None,
            law: Law::Exponential,
            loss: 0.0,
            duplicates: 0.0,
            spikes: Spikes::default(),
            bursts: Vec::new(),
            routes: Vec::new(),
            queues: Vec::new(),
            up: None,
        }
    }
}

/// Single packets that are held up for an exponentially distributed time.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Spikes {
    /// The share of packets.
    pub probability: f64,
    /// The mean of the time.
    pub mean: f64,
}

/// For `length` seconds of every `period`, packets are held up.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Burst {
    /// From the beginning of one to that of the next.
    pub period: f64,
    /// How long each lasts.
    pub length: f64,
    /// By this much, always.
    pub constant: f64,
    /// And by an exponentially distributed time of this mean.
    pub mean: f64,
    /// In one direction only.
    pub way: Option<Way>,
}

/// A route that is in use for some time: what it adds to the delays.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Route {
    /// The start, in seconds of true time.
    pub at: f64,
    /// Until when.
    #[serde(default = "forever")]
    pub until: f64,
    /// To requests.
    #[serde(default)]
    pub request: f64,
    /// To responses.
    #[serde(default)]
    pub response: f64,
}

/// The first `length` seconds of every `period`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Window {
    /// From the beginning of one to that of the next.
    pub period: f64,
    /// How long each lasts.
    pub length: f64,
}

/// Servers and their faults.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ServerScenario {
    /// How many of this kind.
    pub count: usize,
    /// The faults begin here.
    pub from: f64,
    /// And end here.
    pub until: f64,
    /// It does not answer.
    pub silent: bool,
    /// Its clock advances in steps of this size, though it claims to be precise; 0: smoothly.
    pub grain: f64,
    /// It is wrong by this.
    pub offset: f64,
    /// And by this more every second.
    pub drift: f64,
    /// And by noise of this standard deviation.
    pub wobble: f64,
    /// Its replies bear a time that is later than they leave by this: their round trips seem
    /// shorter.
    pub stamp: f64,
    /// It says that it is not synchronized.
    pub unsynchronized: bool,
    /// What it says about its way to its reference.
    pub root_delay: f64,
    /// What it says about its own error.
    pub root_dispersion: f64,
    /// Its own path.
    pub link: Option<Link>,
}

impl Default for ServerScenario {
    fn default() -> Self {
        Self {
            count: 1,
            from: 0.0,
            until: f64::INFINITY,
            silent: false,
            grain: 0.0,
            offset: 0.0,
            drift: 0.0,
            wobble: 0.0,
            stamp: 0.0,
            unsynchronized: false,
            root_delay: 0.0,
            root_dispersion: 0.0,
            link: None,
        }
    }
}

/// The figures of others in the same scenario, in an independent simulator. Times in microseconds,
/// rates in parts per billion.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Stored {
    /// chrony: RMS and maximum of the time error, RMS of the rate error.
    pub chrony: Option<[f64; 3]>,
    /// ntpsec: RMS of the time error.
    pub ntpsec: Option<f64>,
    /// The exact Bayes filter that knows the noise: RMS of the time error.
    pub optimum: Option<f64>,
    /// chrony's requests.
    pub chrony_packets: Option<f64>,
}

const fn yes() -> bool {
    true
}

const fn default_burst() -> u8 {
    6
}

/// 2027-01-15: a month without leap seconds.
const fn default_epoch() -> i64 {
    1_800_000_000
}

const fn forever() -> f64 {
    f64::INFINITY
}

impl Scenario {
    /// A world without a name in which everything is as it is where a file says nothing. It lasts
    /// no time.
    #[must_use]
    pub fn usual() -> Self {
        Self {
            name: String::new(),
            about: String::new(),
            duration: 0.0,
            skip: 0.0,
            until: None,
            poll: [4, 10],
            burst: default_burst(),
            step: yes(),
            epoch: default_epoch(),
            leap: None,
            clock: Oscillator::default(),
            suspends: Vec::new(),
            pauses: Vec::new(),
            link: Link::default(),
            server: Vec::new(),
            stored: Stored::default(),
        }
    }

    /// One entry per server.
    pub fn servers(&self) -> impl Iterator<Item = ServerScenario> {
        let named = self
            .server
            .iter()
            .flat_map(|server| std::iter::repeat_n(server.clone(), server.count));
        let lonely = self.server.is_empty().then(ServerScenario::default);
        named.chain(lonely)
    }
}
