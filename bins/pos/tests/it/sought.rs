//! What no log may hold.

use std::{fmt::Write as _, fs};

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

use crate::shop::Shop;

/// Strings that are looked for in logs, each with what it is.
#[derive(Default)]
pub(crate) struct Sought(Vec<(String, String)>);

impl Sought {
    /// Every password and key of a data folder.
    pub(crate) fn secrets(shop: &Shop) -> Self {
        let mut sought = Self::default();
        for file in fs::read_dir(shop.data().join("secrets")).unwrap() {
            let path = file.unwrap().path();
            let derived = path.extension().is_some_and(|extension| extension == "pub" || extension == "conf");
            if path.is_file() && !derived {
                let text = fs::read_to_string(&path).unwrap();
                sought.add(path.file_name().unwrap().to_str().unwrap(), text.trim());
            }
        }
        assert!(sought.0.len() >= 10, "a system has as many");
        sought
    }

    /// Looks for `text` too, in all forms in which it could come.
    ///
    /// # Panics
    /// When it is so short that it could be found by chance.
    pub(crate) fn add(&mut self, what: &str, text: &str) -> &mut Self {
        assert!(text.len() >= 12, "{what} is worth looking for");
        let mut forms =
            vec![text.to_owned(), percent_encoded(text), URL_SAFE_NO_PAD.encode(text), STANDARD_NO_PAD.encode(text)];
        if let Ok(bytes) = hex::decode(text) {
            forms.extend([STANDARD_NO_PAD.encode(&bytes), URL_SAFE_NO_PAD.encode(&bytes), format!("{bytes:?}")]);
        }
        forms.push(format!("{:?}", text.as_bytes()));
        forms.sort();
        forms.dedup();
        self.0.extend(forms.into_iter().map(|form| (what.to_owned(), form)));
        self
    }

    /// What is found in these lines: what it is, and the line with it taken out.
    pub(crate) fn found(&self, log: &str) -> Vec<String> {
        let mut found = Vec::new();
        for line in log.lines() {
            for (what, form) in self.0.iter().filter(|(_, form)| line.contains(form.as_str())) {
                found.push(format!("{what}: {}", line.replace(form.as_str(), "…")));
            }
        }
        found
    }

    /// Each form, for a proof that it would be found.
    pub(crate) fn forms(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(what, form)| (what.as_str(), form.as_str()))
    }
}

/// RFC 3986: what is not unreserved is encoded.
fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}
