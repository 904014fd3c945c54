use ed25519_dalek::SigningKey;

use super::*;

const COST: (u32, u32, u32) = (64, 1, 1);

fn settings(queue: usize) -> PasswordSettings {
    PasswordSettings { memory_kib: COST.0, passes: COST.1, lanes: COST.2, threads: 1, queue }
}

fn hashing(pepper: Option<&str>) -> Hashing {
    let folder = tempfile::tempdir().unwrap();
    let pepper_file = folder.path().join("pepper");
    let pins = match pepper {
        Some(pepper) => {
            std::fs::write(&pepper_file, pepper).unwrap();
            PinSettings { pepper_file }
        }
        None => PinSettings { pepper_file: std::path::PathBuf::new() },
    };
    Hashing::start(&settings(4), &pins, Derive::new(&SigningKey::from_bytes(&[1; 32]))).unwrap()
}

#[tokio::test]
async fn a_password_fits_its_own_hash_alone_and_a_repeated_command_has_the_same() {
    let hashing = hashing(None);
    let (one, other) = (Plain::from("a long and good one"), Plain::from("a long and good two"));
    let [first, second] = [1, 2].map(Uuid::from_u128);
    let hash = hashing.hash(Kind::Password, &one, first).await.unwrap();
    assert!(hash.reveal().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", hash.reveal());
    assert!(hashing.fits(Kind::Password, &one, Some(&hash)).await.unwrap());
    assert!(!hashing.fits(Kind::Password, &other, Some(&hash)).await.unwrap());
    assert!(!hashing.fits(Kind::Password, &one, None).await.unwrap());
    assert_eq!(hashing.hash(Kind::Password, &one, first).await.unwrap(), hash);
    assert_ne!(hashing.hash(Kind::Password, &one, second).await.unwrap(), hash);
}

#[tokio::test]
async fn a_pin_is_keyed_with_the_pepper_and_refused_without_one() {
    let pin = Plain::from("2580");
    let one = hashing(Some(&"01".repeat(32)));
    let hash = one.hash(Kind::Pin, &pin, Uuid::from_u128(1)).await.unwrap();
    assert!(one.fits(Kind::Pin, &pin, Some(&hash)).await.unwrap());
    assert!(!hashing(Some(&"02".repeat(32))).fits(Kind::Pin, &pin, Some(&hash)).await.unwrap());
    assert!(!one.fits(Kind::Password, &pin, Some(&hash)).await.unwrap());
    assert!(matches!(hashing(None).fits(Kind::Pin, &pin, Some(&hash)).await, Err(Problem::NotSetUp(_))));
}

#[tokio::test]
async fn more_than_may_wait_are_turned_away() {
    let hashing = std::sync::Arc::new(hashing(None));
    let slow = phc::Cost::try_new(32 * 1024, 4, 1).unwrap();
    let plain = Plain::from("x");
    let mut held = Vec::new();
    let refused = (0..64).find_map(|_| {
        let (done, output) = oneshot::channel();
        held.push(output);
        let job = Job { plain: plain.clone(), salt: vec![0; 16], cost: slow, peppered: false, done };
        hashing.passwords.give(job).err()
    });
    assert_eq!(refused, Some(Problem::Busy));
    assert!(held.len() <= 7, "one in hand, four that wait, and the one refused; not {}", held.len());
}

#[test]
fn what_is_no_hash_of_ours_or_costs_too_much_is_not_run() {
    let read = |text: &str| Parts::read(&SecretHash::try_new(text).unwrap());
    let salt = "c2FsdHNhbHRzYWx0";
    let output = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let good = format!("$argon2id$v=19$m=64,t=1,p=1${salt}${output}");
    assert_eq!(read(&good).unwrap().to_hash().reveal(), good);
    for (from, to) in [("v=19", "v=16"), ("m=64,", ""), ("m=64", "m=x"), (salt, "c2E"), (output, "AAAA")] {
        assert_eq!(read(&good.replace(from, to)), Err(phc::Unusable::Form), "{to}");
    }
    for (from, to) in [("m=64", "m=4000000"), ("t=1", "t=1000"), ("p=1", "p=99"), ("m=64", "m=1")] {
        assert_eq!(read(&good.replace(from, to)), Err(phc::Unusable::Cost), "{to}");
    }
}

/// RFC 9106, 5.3, has associated data that we do not use; this is argon2's reference program:
/// `echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32 -e`.
#[tokio::test]
async fn the_reference_program_gives_the_same() {
    let hash = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    let hash = SecretHash::try_new(hash).unwrap();
    assert!(hashing(None).fits(Kind::Password, &Plain::from("password"), Some(&hash)).await.unwrap());
}
