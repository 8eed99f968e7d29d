//! Publishing a new version of a mutable file to several storage servers, after Tahoe-LAFS 1.5.0, ticket 877
//! ("publish rejects its own write") and the fix in 1.6.0.
//!
//! A file is cut into N shares, any k of which give it back, and each share is kept by some server. A writer first
//! *maps* where the shares are, then *publishes* a new version: one test-and-set message per server, answered
//! independently, with shares moved elsewhere when servers fail. Nothing coordinates writers; the tests in the
//! messages are to notice when two of them meet.
//!
//! | file | holds |
//! |---|---|
//! | `variants`, `config`, `ops`, `workload`, `sites` | the historical forms; what a scenario pins; operations and who calls them; choices |
//! | `layout`, `share`, `version`, `merkle`, `fec`, `keys` | the bytes of a share, and what proves them |
//! | `storage`, `container`, `slot`, `server` | what a request does to a slot, pure; the file of a share; a slot on a disk; the node around it |
//! | `protocol` | requests and answers |
//! | `servermap`, `permuted`, `goal`, `answer` | what a client knows, wants and concludes: pure |
//! | `client/` | the client's machines: map update, retrieve, publish, modify, and its list of servers |
//! | `model`, `ghost`, `facts`, `observe`, `invariants/` | what really happened, and what must hold |

pub mod answer;
pub mod client;
pub mod config;
pub mod container;
pub mod facts;
pub mod fec;
pub mod ghost;
pub mod goal;
pub mod invariants;
pub mod keys;
pub mod layout;
pub mod merkle;
pub mod model;
pub mod observe;
pub mod ops;
pub mod permuted;
pub mod protocol;
pub mod server;
pub mod servermap;
pub mod share;
pub mod sites;
pub mod slot;
pub mod storage;
pub mod trace;
pub mod variants;
pub mod version;
pub mod workload;

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use proptest::strategy::BoxedStrategy;

use self::client::Client;
use self::config::{Config, Damage, Setting};
use self::container::{lease, pack};
use self::invariants::{Checker, RULES};
use self::keys::server_key;
use self::model::Model;
use self::ops::Op;
use self::server::{Stores, serve};
use self::servermap::ServerId;
use self::slot::file_of;
use self::storage::Secrets;
use self::variants::{VARIANTS, Variant};
use self::version::make_version;
use self::workload::Workload;
use crate::check::InvariantKind;
use crate::choice::UpTo;
use crate::disk::{Disk, DiskSetup};
use crate::flow::{ConfigComplaint, Flow, FlowInfo, Named, Needs, Setup};
use crate::world::World;

/// Files among which a run chooses.
const FILES_MAX: u64 = 63;
/// The text of the first version.
const FIRST_TEXT: &[u8] = b"the first version of the file, there before anybody writes";
/// How long the system gets to settle: the final reads are within.
const SETTLE: Duration = Duration::from_secs(120);

/// The flow.
pub enum Publish {}

const VARIANTS_NAMED: [Named; VARIANTS.len()] = names_of!(VARIANTS);

impl Flow for Publish {
    type Config = Config;
    type Op = Op;

    const INFO: FlowInfo = FlowInfo {
        name: "publish",
        doc: "a writer replaces the shares of a mutable file on many servers, with test-and-set and nothing else",
        source: "Tahoe-LAFS 1.5.0, ticket 877, fixed by 419a076f (2010-01-02)",
        variants: &VARIANTS_NAMED,
        sites: sites::SITES,
        invariants: invariants::INFOS,
        sometimes: &[
            Named::new("dead-reference-called", "a client called through a reference it could have known to be dead"),
            Named::new("answered-inside-the-walk", "a write's answer was handled while its wave was still being sent"),
            Named::new("share-re-homed", "a share moved to another server because its own had failed"),
            Named::new("surprised", "a publish took a share or a refusal for somebody else's write"),
            Named::new("old-share-replaced", "a share that the map had missed was replaced"),
            Named::new("modify-retried", "a change was tried again after an uncoordinated write"),
            Named::new("operation-skipped", "an operation's client or map was not there"),
        ],
        marks: &[Named::new("publish-started", "a publish is about to make its shares and send its first wave")],
        events: &[
            Named::new(protocol::REQUEST, "a request reaches its server"),
            Named::new(protocol::REPLY, "an answer reaches its client"),
        ],
        outcomes: &[
            Named::new("ok", "the operation succeeded"),
            Named::new("ucwe", "uncoordinated write error: somebody else seems to write"),
            Named::new("not-enough-servers", "no server is left to put a share on"),
            Named::new("not-enough-shares", "no version can be read"),
            Named::new("other", "an error no caller expects"),
        ],
        needs: Needs { host: false, fresh_thread: false },
    };

    fn operation(config: &Config) -> BoxedStrategy<Op> {
        ops::strategy(config)
    }

    fn simpler(operation: &Op) -> Vec<Op> {
        ops::simpler(operation)
    }

    fn smaller(config: &Config) -> Vec<toml::Table> {
        config.smaller()
    }

    fn validate(variant: &str, config: &Config) -> Result<(), Vec<ConfigComplaint>> {
        let _ = variant;
        let complaints = config.complaints();
        if complaints.is_empty() { Ok(()) } else { Err(complaints) }
    }

    fn build(world: &World, setup: Setup<Publish>) {
        let Some(variant) = Variant::named(&setup.variant) else {
            panic!("the flow `publish` has no variant `{}`", setup.variant)
        };
        let file = world.sim().stream(&sites::FILE, "file");
        let file = world.sim().choose(file, &UpTo { quiet: 0, max: FILES_MAX });
        let setting = Rc::new(Setting::new(variant, setup.config, file));
        let model = Rc::new(RefCell::new(Model::default()));
        let stores = build_servers(world, &setting, &model);
        let workload = Rc::new(Workload::default());
        build_clients(world, &setting, &model, &stores, &workload);
        let done = world.workload_part();
        let operations = setup.operations;
        let ending = Ending { workload, stores };
        world.node("workload", move |node| {
            Rc::clone(&ending.workload).run(node, Rc::clone(&setting), operations.clone(), done.clone())
        });
        world.settle(SETTLE);
        for rule in RULES {
            let (mut checker, model) = (Checker::new(rule), Rc::clone(&model));
            let check = move || checker.look(&model.borrow());
            match rule.info.kind {
                InvariantKind::Always => world.always(rule.info.id, check),
                InvariantKind::Eventually => world.eventually(rule.info.id, check),
                InvariantKind::AtEnd => world.at_end(rule.info.id, check),
            }
        }
    }
}

/// Lives in the workload node's starter, which the world drops when the run is over.
struct Ending {
    workload: Rc<Workload>,
    stores: Stores,
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.workload.tear_down();
        self.stores.tear_down();
    }
}

fn build_servers(world: &World, setting: &Rc<Setting>, model: &Rc<RefCell<Model>>) -> Stores {
    install_first_version(world, setting, model);
    let stores = Stores::new(setting, model, world.disks());
    for server in (0..setting.config.servers).map(ServerId) {
        let Some(store) = stores.get(server).cloned() else {
            continue;
        };
        let name = server.to_string();
        let shown = Rc::clone(&store);
        world.snapshot(&name, move || shown.show());
        let node = world.node(&name, move |node| serve(node, Rc::clone(&store)));
        if setting.config.may_crash.contains(&name) {
            world.may_crash(node);
        }
    }
    stores
}

/// Puts the shares of the first version on the disks of their servers, as if they had always been there.
fn install_first_version(world: &World, setting: &Setting, model: &Rc<RefCell<Model>>) {
    let placement = setting.placement();
    if placement.is_empty() {
        return;
    }
    let encoding = (setting.config.k, setting.config.n);
    let first = make_version(&setting.keys, 1, [0; 16], encoding, FIRST_TEXT)
        .unwrap_or_else(|error| panic!("the configuration was checked: {error}"));
    let mut model = model.borrow_mut();
    let initial = model.initial(FIRST_TEXT, first.info.checkstring(), &placement);
    let mut disks: BTreeMap<ServerId, Disk> = BTreeMap::new();
    for (server, share) in placement {
        let mut data = first.shares[usize::from(share)].clone();
        if let Some(damage) = setting.config.damaged.get(&server.to_string()) {
            let byte = match damage {
                Damage::Data => first.info.offsets.end as usize - 1,
                Damage::Signature => first.info.offsets.signature as usize,
            };
            data[byte] ^= 1;
            model.share_lost((server, share));
        }
        let key = server_key(&server.to_string());
        let (lease_renew, lease_cancel) = setting.keys.lease_secrets(&key);
        let secrets = Secrets { write_enabler: setting.keys.write_enabler(&key), lease_renew, lease_cancel };
        let container = pack(&key, secrets.write_enabler, &lease(&secrets, &key, 0), &data);
        let disk = disks.entry(server).or_insert_with(|| Disk::new(DiskSetup::default()));
        disk.install(&file_of(share), &container).unwrap_or_else(|error| panic!("a disk aside has no faults: {error}"));
    }
    model.made(initial, &Rc::new(first));
    for (server, disk) in disks {
        world.disks().install(&server.to_string(), &disk);
    }
}

fn build_clients(
    world: &World,
    setting: &Rc<Setting>,
    model: &Rc<RefCell<Model>>,
    stores: &Stores,
    workload: &Rc<Workload>,
) {
    for name in setting.config.clients() {
        let (setting, model, stores) = (Rc::clone(setting), Rc::clone(model), stores.clone());
        let (workload, crashes) = (Rc::clone(workload), setting.config.may_crash.contains(&name));
        let (shown, of) = (Rc::clone(&workload), name.clone());
        world.snapshot(&name, move || shown.show(&of));
        let node = world.callback_node(&name, move |node| {
            model.borrow_mut().crashed(&node.name());
            let client = Client::new(&node, &setting, &model);
            client.broker().keep_connected(&stores);
            workload.client_started(&client);
        });
        if crashes {
            world.may_crash(node);
        }
    }
}
