use proptest::prelude::*;

use super::*;

const NONCE: &str = "bm9uY2Utbm9uY2Ut";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn write() -> Request<'static> {
    Request {
        method: "POST",
        path: "/v1/sales",
        query: None,
        authorization: Some("Bearer x.y.z"),
        content_digest: Some("sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"),
        idempotency_key: Some("018f0000-0000-7000-8000-000000000001"),
        approval: None,
    }
}

/// RFC 9421, B.2.6: the text that is signed, the key of B.1.4, and the signature.
#[test]
fn the_example_of_the_standard_gives_its_signature() {
    let components = [
        ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
        ("@method", "POST"),
        ("@path", "/foo"),
        ("@authority", "example.com"),
        ("content-type", "application/json"),
        ("content-length", "18"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let params = format!("{};created=1618884473;keyid=\"test-key-ed25519\"", list(&components));
    let public = STANDARD.decode("JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").unwrap();
    let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
    let signature = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    let signature = Signature::from_slice(&STANDARD.decode(signature).unwrap()).unwrap();
    assert!(public.verify_strict(base(&components, &params).as_bytes(), &signature).is_ok());
}

#[test]
fn the_form_is_this_and_no_other() {
    let signed = write().sign(1_772_359_200, NONCE, &key(1));
    let keyid = URL_SAFE_NO_PAD.encode(key(1).verifying_key().as_bytes());
    let list = r#"("@method" "@path" "@query" "authorization" "content-digest" "idempotency-key")"#;
    assert_eq!(signed.input, format!("till={list};created=1772359200;nonce=\"{NONCE}\";keyid=\"{keyid}\""));
    let proof = write().verify(&signed.input, &signed.signature).unwrap();
    assert_eq!(proof, Proof { key: key(1).verifying_key(), created: 1_772_359_200, nonce: NONCE.to_owned() });

    // Said in any other way it is refused, though it be signed.
    let others = [
        ("till=", "sig=".to_owned()),
        ("\"@query\" ", String::new()),
        ("\"@method\" \"@path\"", "\"@path\" \"@method\"".to_owned()),
        ("\"authorization\" ", String::new()),
        (" \"content-digest\"", String::new()),
        (" \"idempotency-key\"", String::new()),
        ("created=", "created= ".to_owned()),
        ("created=1772359200", "created=-1772359200".to_owned()),
        ("created=1772359200", "created=+1772359200".to_owned()),
        (";keyid", ";alg=\"hmac-sha256\";keyid".to_owned()),
        (";nonce", ";expires=9999999999;nonce".to_owned()),
        (NONCE, "short".to_owned()),
        (NONCE, "x".repeat(65)),
        (NONCE, "bm9uY2Utbm9uY2U\"".to_owned()),
    ];
    for (from, to) in others {
        let input = signed.input.replacen(from, &to, 1);
        assert_ne!(input, signed.input);
        let resigned = resign(&write(), &input, &key(1));
        assert_eq!(write().verify(&input, &resigned), Err(SignatureError::Input), "{input}");
    }
    for end in [";x", ";x=\"y\"", " ", ", b=()"] {
        let input = format!("{}{end}", signed.input);
        let taken = write().verify(&input, &resign(&write(), &input, &key(1)));
        assert_eq!(taken, Err(SignatureError::Input), "{input}");
    }
}

/// A true signature over whatever `input` says.
fn resign(request: &Request<'_>, input: &str, key: &SigningKey) -> String {
    let params = input.split_once('=').map_or("", |(_, params)| params);
    let signature = key.sign(base(&request.components(), params).as_bytes()).to_bytes();
    format!("till=:{}:", STANDARD.encode(signature))
}

#[test]
fn whatever_is_changed_is_noticed() {
    let request = Request { query: Some("a=b"), approval: Some("a.b.c"), ..write() };
    let signed = request.sign(1, NONCE, &key(1));
    assert!(request.verify(&signed.input, &signed.signature).is_ok());
    let changes: [fn(&mut Request<'_>); 11] = [
        |request| request.method = "PUT",
        |request| request.path = "/v1/sale",
        |request| request.query = None,
        |request| request.query = Some("a=c"),
        |request| request.authorization = Some("Bearer x.y.w"),
        |request| request.authorization = None,
        |request| request.content_digest = Some("sha-256=:x:"),
        |request| request.idempotency_key = Some("018f0000-0000-7000-8000-000000000002"),
        |request| request.idempotency_key = None,
        |request| request.approval = None,
        |request| request.approval = Some("a.b.d"),
    ];
    for change in changes {
        let mut other = request;
        change(&mut other);
        assert!(other.verify(&signed.input, &signed.signature).is_err(), "{other:?}");
    }
    let older = signed.input.replace("created=1;", "created=2;");
    assert_eq!(request.verify(&older, &signed.signature), Err(SignatureError::Signature));
    let stranger = request.sign(1, NONCE, &key(2));
    assert_eq!(request.verify(&signed.input, &stranger.signature), Err(SignatureError::Signature));
    for signature in ["", "till=", "till=::", "till=:AAAA:", "sig=:AAAA:"] {
        assert_eq!(request.verify(&signed.input, signature), Err(SignatureError::Signature), "{signature}");
    }
}

#[test]
fn a_key_for_which_anybody_can_sign_is_none() {
    let signed = write().sign(1, NONCE, &key(1));
    let keyid = URL_SAFE_NO_PAD.encode(key(1).verifying_key().as_bytes());
    for weak in [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }] {
        let input = signed.input.replace(&keyid, &URL_SAFE_NO_PAD.encode(weak));
        assert_eq!(write().verify(&input, &signed.signature), Err(SignatureError::Key));
    }
    let input = signed.input.replace(&keyid, "AAAA");
    assert_eq!(write().verify(&input, &signed.signature), Err(SignatureError::Key));
}

proptest! {
    #[test]
    fn what_was_signed_is_taken_and_proves_who_when_and_which(
        path in "/[!-~]{0,40}", query in proptest::option::of("[!-~]{0,40}"), token in "[!-~]{1,40}",
        body in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..64)),
        created in 0_i64..=999_999_999_999, nonce in "[A-Za-z0-9_-]{16,64}", seed in any::<u8>(),
    ) {
        let digest = body.map(|body| content_digest(&body));
        let request = Request {
            method: "POST", path: &path, query: query.as_deref(), authorization: Some(&token),
            content_digest: digest.as_deref(), idempotency_key: None, approval: None,
        };
        let signed = request.sign(created, &nonce, &key(seed));
        let proof = request.verify(&signed.input, &signed.signature);
        prop_assert_eq!(proof, Ok(Proof { key: key(seed).verifying_key(), created, nonce }));
    }

    #[test]
    fn no_header_makes_it_fail_otherwise_than_by_refusing(input in ".{0,200}", signature in ".{0,120}") {
        prop_assert!(write().verify(&input, &signature).is_err());
    }

    #[test]
    fn one_flipped_bit_is_enough(at in 0_usize..1_000, bit in 0_u8..7) {
        let signed = write().sign(1_772_359_200, NONCE, &key(1));
        let flip = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            String::from_utf8(bytes).unwrap()
        };
        prop_assert!(write().verify(&flip(&signed.input), &signed.signature).is_err());
        prop_assert!(write().verify(&signed.input, &flip(&signed.signature)).is_err());
    }
}
