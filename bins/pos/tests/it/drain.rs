//! The edge asked to stop under load: everybody has an answer.

use std::{fs, time::Duration};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tillstream_pos::{
    Stack, demo, http,
    load::client::{Client, Failure, Post, Target},
};
use tillstream_runtime::Ids;
use tillstream_servers::free_port;
use tokio::{process::Command, time::sleep};

use crate::shop::Shop;

/// What became of the requests of one till.
#[derive(Debug, Default)]
struct Seen {
    answered: u32,
    dropped: u32,
    odd: Vec<u16>,
}

/// Sells until nobody listens any more.
async fn sell(target: Target) -> Seen {
    let mut client = Client::new(target, Duration::from_secs(30));
    let mut seen = Seen::default();
    let body = demo::Owner::Cafe.basket(1);
    loop {
        let post = Post { key: Ids::random().next(), prefer: Some("wait=25"), body: body.clone().into() };
        match client.post("/v1/sales", post).await {
            Ok(answer) if matches!(answer.status, 201 | 202) => seen.answered += 1,
            Ok(answer) => seen.odd.push(answer.status),
            Err(Failure::Connect) => return seen,
            Err(_) => seen.dropped += 1,
        }
    }
}

#[tokio::test]
async fn an_edge_that_stops_under_load_answers_everybody() {
    let shop = Shop::new();
    let mut stack = Stack::start(shop.stack()).await.unwrap();

    // A second edge on the same system, which nobody starts again.
    let address = format!("127.0.0.1:{}", free_port().unwrap());
    let settings = fs::read_to_string(shop.data().join("run/edge.toml")).unwrap();
    let listen = stack.url().trim_start_matches("http://").to_owned();
    let config = shop.path("edge.toml");
    fs::write(&config, settings.replace(&listen, &address)).unwrap();
    let mut edge = Command::new(env!("CARGO_BIN_EXE_pos"))
        .args(["run", "edge", "--config"])
        .arg(&config)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let url = format!("http://{address}");
    while !matches!(http::get(&format!("{url}/readyz"), Duration::from_secs(1)).await, Ok((200, _))) {
        sleep(Duration::from_millis(20)).await;
    }

    let target = Target::new(&url, Some(stack.token())).unwrap();
    let tills: Vec<_> = (0..16).map(|_| tokio::spawn(sell(target.clone()))).collect();
    sleep(Duration::from_millis(500)).await;
    kill(Pid::from_raw(i32::try_from(edge.id().unwrap()).unwrap()), Signal::SIGTERM).unwrap();
    let status = edge.wait().await.unwrap();
    let mut all = Seen::default();
    for till in tills {
        let seen = till.await.unwrap();
        all.answered += seen.answered;
        all.dropped += seen.dropped;
        all.odd.extend(seen.odd);
    }
    assert_eq!((status.code(), all.dropped, &all.odd), (Some(0), 0, &Vec::new()), "{all:?}");
    assert!(all.answered > 0);
    stack.stop().await.unwrap();
}
