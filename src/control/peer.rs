//! Who may command: root, the daemon's own user, and members of one group. The kernel says who
//! is at the other end (`SO_PEERCRED`, unix(7)).

use std::ffi::CString;

use nix::unistd::{Gid, Group, Uid, User, getgrouplist};
use tokio::net::unix::UCred;

/// May this peer command a daemon that runs as `own`? Blocking: asks the user database.
pub fn may_command(peer: &UCred, own: Uid, group: Option<&str>) -> bool {
    let user = Uid::from_raw(peer.uid());
    let is_member = || group.is_some_and(|group| is_member(user, Gid::from_raw(peer.gid()), group));
    user.is_root() || user == own || is_member()
}

fn is_member(user: Uid, primary: Gid, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else { return false };
    if primary == group.gid {
        return true;
    }
    let Ok(Some(user)) = User::from_uid(user) else { return false };
    CString::new(user.name)
        .ok()
        .and_then(|name| getgrouplist(&name, user.gid).ok())
        .is_some_and(|groups| groups.contains(&group.gid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_its_members_by_primary_group_and_no_others() {
        let root = Group::from_gid(Gid::from_raw(0)).unwrap().unwrap();
        let nobody = Uid::from_raw(65_534);
        assert!(is_member(nobody, root.gid, &root.name));
        assert!(!is_member(nobody, Gid::from_raw(65_534), &root.name));
        assert!(!is_member(nobody, root.gid, "no-such-group"));
    }
}
