//! `pos owner`: the way in. An owner whom nobody could have added yet gets a one-time code, and no password is ever set here.

use anyhow::{Context, bail, ensure};
use clap::{Args, Subcommand};
use tillstream_bus::{
    Bus,
    subject::{Class, answers, partition},
};
use tillstream_contract::{
    Batch, Envelope, Message, Reply, Stage, Verdict,
    identity::{Changed, Command as Told, Event, NewInvitation, NewMerchant, NewUser},
};
use tillstream_domain::{
    id::{MerchantId, UserId},
    identity::{Actor, Email, Grant, INVITATION_CHARS, OneTimeCode, PersonName, PlaceName, Role},
    money::{Currency, Rounding},
    tax::{CashStep, TaxMode, TaxRounding, TaxRules},
};
use tillstream_runtime::{Clock, Ids};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use crate::{UpFile, console::out, operator::Place};

/// How long the identity worker may take to decide.
const DECIDED: Duration = Duration::from_secs(30);

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an owner, and open the merchant if it is new; prints a one-time code with which the owner sets a password
    Create(Create),
    /// Print another one-time code for a user who has lost theirs, or their password
    Invite(Invite),
}

/// Options of `pos owner create`.
#[derive(Debug, Args)]
pub(crate) struct Create {
    #[command(flatten)]
    place: Place,
    /// The id of a merchant, or the name of a new one
    #[arg(long, value_name = "ID|NAME")]
    merchant: String,
    /// What people call the owner
    #[arg(long, value_parser = |name: &str| PersonName::try_new(name))]
    name: PersonName,
    /// With which the owner signs in
    #[arg(long, value_name = "ADDRESS", value_parser = Email::try_new)]
    email: Email,
    /// In which a new merchant sells, for good
    #[arg(long, value_name = "CODE", value_parser = |code: &str| Currency::try_new(code))]
    currency: Option<Currency>,
    /// A new merchant's prices are net: tax comes on top, and is not in them
    #[arg(long)]
    tax_added: bool,
}

/// Options of `pos owner invite`.
#[derive(Debug, Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    place: Place,
    /// The merchant
    #[arg(long, value_name = "ID")]
    merchant: MerchantId,
    /// The user, an owner or another
    #[arg(long, value_name = "ID")]
    owner: UserId,
}

pub(crate) async fn command(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create(options) => create(&options).await,
        Command::Invite(options) => {
            let bus = options.place.connect().await?;
            invite(&bus, &options.place, options.merchant, options.owner).await
        }
    }
}

async fn create(options: &Create) -> anyhow::Result<()> {
    let known = options.merchant.parse::<MerchantId>().ok();
    let new = match known {
        Some(_) => {
            ensure!(options.currency.is_none(), "the merchant exists, so leave --currency out: it never changes");
            None
        }
        None => Some(merchant(options)?),
    };
    let bus = options.place.connect().await?;
    let id = known.unwrap_or_else(|| MerchantId::new(Ids::random().next()));
    if let Some(new) = new {
        send(&bus, id, &Told::OpenMerchant(new)).await.with_context(|| format!("open merchant {id}"))?;
        out!("opened merchant {id}: {}", options.merchant.trim());
    }
    let owner = NewUser {
        name: options.name.clone(),
        email: Some(options.email.clone()),
        password: None,
        pin: None,
        grants: vec![Grant { role: Role::Owner, store: None }],
    };
    let added =
        send(&bus, id, &Told::AddUser(owner)).await.with_context(|| format!("add an owner to merchant {id}"))?;
    out!("added owner {} of merchant {id}: {}", added.id, options.email.as_str());
    invite(&bus, &options.place, id, UserId::new(added.id)).await
}

fn merchant(options: &Create) -> anyhow::Result<NewMerchant> {
    let name = PlaceName::try_new(&options.merchant).context("read --merchant as the name of a new merchant")?;
    let currency = options.currency.context("say with --currency in which the new merchant sells, for example EUR")?;
    let mode = if options.tax_added { TaxMode::Added } else { TaxMode::Included };
    let rules = TaxRules { cash_step: CashStep::ONE, mode, per: TaxRounding::Group, rounding: Rounding::HalfUp };
    Ok(NewMerchant { name, currency, rules })
}

/// Gives the user a code and prints it.
async fn invite(bus: &Bus, place: &Place, merchant: MerchantId, user: UserId) -> anyhow::Result<()> {
    let mut random = [0; INVITATION_CHARS];
    getrandom::fill(&mut random).context("ask the operating system for random bytes")?;
    let code = OneTimeCode::of_random(random);
    let invitation = NewInvitation { user, code_hash: code.hash().into() };
    send(bus, merchant, &Told::InviteUser(invitation)).await.with_context(|| format!("invite user {user}"))?;
    let url = UpFile::read(place.folder()).map_or_else(|_| "https://<the edge>".to_owned(), |up| up.url);
    out!("");
    out!("Whoever has this code sets the password, once and within 24 hours. Hand it over in person:");
    out!("  {}", code.reveal());
    out!("");
    out!("# set the password");
    out!(
        r#"curl -sS {url}/v1/passwords -H 'Content-Type: application/json' -H "Idempotency-Key: {}" \"#,
        Ids::random().next()
    );
    out!(r#"  -d '{{"code":"{}","password":"<12 characters or more>"}}'"#, code.reveal());
    Ok(())
}

/// Sends a command as operator, and waits for its outcome.
async fn send(bus: &Bus, merchant: MerchantId, command: &Told) -> anyhow::Result<Changed> {
    let ids = Ids::random();
    let id = ids.next();
    let to = answers(&ids.next().simple().to_string());
    let mut inbox = bus.answers(to.clone()).await.context("listen for the outcome")?;
    let envelope = envelope(id, merchant, command, Reply { to, ticket: 1, stage: Stage::Recorded });
    let subject = Class::Command.subject("identity", partition(merchant, bus.partitions()));
    bus.publish(subject, Batch { envelopes: vec![envelope] }.encode()).await.context("send the command")?;
    let outcome = async {
        while let Some(answers) = inbox.next().await {
            if let Some(answer) = answers.into_iter().find(|answer| answer.ticket == 1) {
                return Some(answer.verdict);
            }
        }
        None
    };
    let verdict = timeout(DECIDED, outcome).await.ok().flatten();
    match verdict.with_context(|| undecided(merchant))? {
        Verdict::Accepted(event) => {
            let event: Event = event.open().context("read what the identity worker answered")?;
            Ok(event.changed().clone())
        }
        Verdict::Rejected(refusal) => bail!("it was refused ({}): {}", refusal.code, refusal.detail),
        Verdict::Conflict => bail!("the id {id} was used before; run this again"),
    }
}

fn undecided(merchant: MerchantId) -> String {
    format!(
        "no identity worker has decided within {} seconds: is one running? The command is kept and will be decided; look at \
         merchant {merchant} before you run this again",
        DECIDED.as_secs()
    )
}

fn envelope(id: Uuid, merchant: MerchantId, command: &Told, reply: Reply) -> Envelope {
    Envelope {
        id,
        kind: command.kind().to_owned(),
        merchant,
        actor: Actor::Operator.to_string(),
        till: None,
        approval: None,
        // The id is new each time, so that there is nothing to compare with.
        fingerprint: None,
        at: Clock::system().now(),
        origin: None,
        trace: None,
        reply: Some(reply),
        body: command.encode().into(),
    }
}
