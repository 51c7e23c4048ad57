//! The room as a whole: what a person holds, sees, takes back and erases.

use http::HeaderMap;

use super::{
    testing::{at, open_store, person, room, room_with},
    tests::{Browser, pupil, sign_in, teacher},
    *,
};

fn basic(key: &str) -> HeaderMap {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(format!("anybody:{key}"));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Basic {text}").parse().unwrap());
    headers
}

#[tokio::test]
async fn a_reading_app_comes_in_by_its_key_until_it_is_revoked() {
    let (store, folder) = testing::store();
    let room = room_with(&config::Access::default(), store);
    let (session, _) = pupil(&room, 0).await;
    let key = room.make_app_key(&session, "Thorium", at(0)).unwrap();
    assert_eq!(key.len(), 29, "{key}");
    drop(room);
    let room = room_with(&config::Access::default(), open_store(&folder));
    let comes = |key: &str| room.visitor(&basic(key), at(5)).session().cloned();
    assert_eq!(comes(&key.to_lowercase().replace('-', "")).unwrap().way, Way::AppKey);
    assert!(comes("").is_none() && comes(&"A".repeat(25)).is_none());
    let about = room.about(&session);
    assert_eq!(about.app_keys[0].name, "Thorium");
    let other = teacher(&room).await;
    let id = &about.app_keys[0].id;
    assert!(!room.revoke_app_key(&other, id, at(6)).unwrap(), "another person's");
    assert!(comes(&key).is_some());
    assert!(room.revoke_app_key(&session, id, at(6)).unwrap());
    assert!(comes(&key).is_none());
    for _ in 0..5 {
        room.make_app_key(&session, "x", at(7)).unwrap();
    }
    assert!(room.make_app_key(&session, "x", at(7)).is_err(), "five a person");
}

#[tokio::test]
async fn a_person_sees_all_that_is_held_and_erases_it() {
    let (room, folder) = room();
    let mut browser = Browser::default();
    let who = person("identifiant-opaque", Role::Teacher);
    let session = sign_in(&room, &who, &mut browser, 0).await;
    room.make_codes(&session, 1, "2DE 3", at(0)).unwrap();
    room.make_app_key(&session, "Thorium", at(0)).unwrap();
    let about = room.about(&session);
    let counts =
        (about.sessions.len(), about.passes.len(), about.app_keys.len(), about.audit.len());
    assert_eq!(counts, (1, 1, 1, 2));
    assert!(about.sessions[0].this);
    room.erase(&session, at(2)).unwrap();
    let left = room.about(&session);
    let counts = (left.sessions.len(), left.passes.len(), left.app_keys.len(), left.audit.len());
    assert_eq!(counts, (0, 0, 0, 0));
    assert!(!browser.is_in(&room, 3));
    assert_eq!(browser.by_pass(&room, 3).unwrap_err(), PassError::Revoked);
    for file in std::fs::read_dir(folder.path().join("documents")).unwrap() {
        let text =
            String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
        assert!(!text.contains("identifiant-opaque"), "{text}");
    }
}

#[tokio::test]
async fn one_takes_back_the_passes_of_ones_own_devices_only() {
    let (room, _folder) = room();
    let (mine, _) = pupil(&room, 0).await;
    let other = teacher(&room).await;
    let pass = mine.pass.clone().unwrap();
    assert!(!room.revoke_own_pass(&other, &pass, at(1)).unwrap());
    assert!(room.revoke_own_pass(&mine, &pass, at(1)).unwrap());
    assert!(room.about(&mine).passes.is_empty());
}

#[tokio::test]
async fn signing_out_leaves_nothing_on_the_device_that_lets_the_next_one_in() {
    let (room, _folder) = room();
    let (session, mut browser) = pupil(&room, 0).await;
    let kept = browser.clone();
    browser.takes(&room.sign_out(&session));
    assert!(browser.0.is_empty(), "{browser:?}");
    assert!(!kept.is_in(&room, 1));
    assert_eq!(kept.clone().by_pass(&room, 1).unwrap_err(), PassError::Revoked);
}

#[tokio::test]
async fn signing_in_again_renews_the_pass_of_this_device() {
    let (room, _folder) = room();
    let (first, mut browser) = pupil(&room, 0).await;
    let old = browser.clone();
    let again = sign_in(&room, &person("x", Role::Pupil), &mut browser, 100).await;
    assert_eq!(first.pass, again.pass);
    assert_eq!(room.about(&again).passes.len(), 1);
    browser.by_pass(&room, 200).unwrap();
    assert_eq!(old.clone().by_pass(&room, 300).unwrap_err(), PassError::Copied);
    let other = sign_in(&room, &person("y", Role::Pupil), &mut browser, 400).await;
    assert_ne!(other.pass, first.pass);
}

#[tokio::test]
async fn a_box_without_sign_in_knows_anyone_and_one_with_it_nobody() {
    let (room, _folder) = room();
    assert!(room.required());
    assert!(matches!(room.visitor(&HeaderMap::new(), at(0)), Visitor::Nobody));
    let off = config::Access { sign_in: SignIn::Off, ..config::Access::default() };
    let (store, _other) = testing::store();
    let open = room_with(&off, store);
    assert!(matches!(open.visitor(&HeaderMap::new(), at(0)), Visitor::Anyone));
    let begun = room.begin("/", &HeaderMap::new(), at(0)).await;
    assert!(matches!(begun, Err(SignInError::NotConfigured)));
}

#[tokio::test]
async fn one_persons_sessions_are_bounded_and_the_oldest_gives_way() {
    let (room, _folder) = room();
    let mut browsers = Vec::new();
    for n in 0..9 {
        browsers.push(pupil(&room, n).await.1);
    }
    assert!(!browsers[0].is_in(&room, 10));
    assert!(browsers[1..].iter().all(|browser| browser.is_in(&room, 10)));
}

/// A relay that gives everyone one manual, and the questions it was asked.
async fn relay() -> (std::net::SocketAddr, Arc<Mutex<Vec<String>>>) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, asked) = (listener.local_addr().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let heard = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 4096];
            let read = stream.read(&mut head).await.unwrap_or(0);
            let head = String::from_utf8_lossy(&head[..read]).into_owned();
            lock(&heard).push(head.lines().next().unwrap_or_default().to_owned());
            let body = r#"{"listeRessources":{"ressource":[{"idRessource":"ark:/49591/x"}]}}"#;
            let answer = format!(
                "HTTP/1.1 200 OK\r\nConnection: close\r\nCache-Control: max-age=864000\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, asked)
}

#[tokio::test]
async fn a_persons_list_comes_at_sign_in_and_is_kept_to_its_stated_date() {
    let (address, asked) = relay().await;
    let access: config::Access = toml::from_str(&format!(
        "[resource_list]\nurl = \"http://{address}/gar\"\nent = \"QTA=\"\n"
    ))
    .unwrap();
    let network = config::Network {
        allow_private: vec!["127.0.0.0/8".parse().unwrap()],
        ..config::Network::default()
    };
    let (store, _folder) = testing::store();
    let https = config::Https::default();
    let now = Timestamp::now();
    let school = testing::school();
    let room = Access::open_at(&school, &access, &https, &network, store, now).unwrap();
    let who = person("x", Role::Pupil);
    let back = "/".to_owned();
    let entered = room.welcome(who, None, back, &HeaderMap::new(), now).await.unwrap();
    let Assigned::Known { names, until } = &*entered.session.assigned else {
        panic!("{:?}", entered.session.assigned)
    };
    assert!(names.contains("ark:/49591/x"), "{names:?}");
    assert_eq!(until.duration_since(now).as_hours(), 10 * 24);
    assert_eq!(*lock(&asked), ["GET /gar/ressources/QTA=/0510035L/x HTTP/1.1"]);
    assert_eq!(room.about(&entered.session).list.unwrap().names, ["ark:/49591/x"]);
}
