//! `pos owner` beside a running system.

use serde_json::{Value, json};

use crate::shop::{Running, Shop, said};

/// What follows a word in what was printed.
fn after<'a>(text: &'a str, word: &str) -> &'a str {
    let rest = text.split(word).nth(1).unwrap_or_else(|| panic!("{word:?} is not in {text}"));
    rest.split([':', ' ', '\n']).next().unwrap()
}

/// The users of a merchant, as the operator sees them.
fn users(shop: &Shop, running: &Running<'_>, merchant: &str) -> Value {
    let token = shop.run(&["token", "--merchant", merchant]);
    let token = String::from_utf8(token.stdout).unwrap();
    let url = running.known().url;
    let line = format!("curl -sS {url}/v1/users -H 'Authorization: Bearer {}'", token.trim());
    serde_json::from_str(&running.shell(&line)).unwrap()
}

#[test]
fn an_owner_comes_in_by_a_code_and_nobody_has_a_password_from_the_start() {
    let shop = Shop::new();
    let running = shop.up();
    let create = |merchant: &str, more: &[&str]| {
        let all = ["owner", "create", "--merchant", merchant, "--name", "Kim Ågren", "--email", "Kim@example.com"];
        shop.run(&[&all[..], more].concat())
    };
    let unsaid = create("Café Ågren", &[]);
    assert!(!unsaid.status.success() && said(&unsaid).contains("--currency"), "{}", said(&unsaid));

    let created = create("Café Ågren", &["--currency", "SEK"]);
    let text = said(&created);
    assert!(created.status.success(), "{text}");
    let (merchant, user) = (after(&text, "opened merchant "), after(&text, "added owner "));
    assert!(text.contains(&format!("curl -sS {}/v1/passwords", running.known().url)), "{text}");
    let found = users(&shop, &running, merchant);
    let kim = &found["items"][0];
    assert_eq!((kim["id"].as_str(), kim["email"].as_str()), (Some(user), Some("kim@example.com")), "{found}");
    assert_eq!((&kim["grants"], &kim["has_password"]), (&json!([{"role": "owner"}]), &json!(false)), "{found}");
    assert!(kim["invited_until"].is_string(), "{found}");

    let again = create(merchant, &[]);
    assert!(!again.status.success() && said(&again).contains("email_taken"), "{}", said(&again));
    let invited = shop.run(&["owner", "invite", "--merchant", merchant, "--owner", user]);
    assert!(invited.status.success() && !text.contains(after(&said(&invited), "person:\n  ")), "{}", said(&invited));
    assert!(!running.log().contains("Kim"), "no log names a person");
    assert_eq!(running.stop().code(), Some(0));
}
