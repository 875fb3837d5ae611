//! Families without any user memory: the tree and wait(2) on the host.

use alloc::sync::Arc;
use alloc::vec::Vec;

use abi::{SaFlags, SigSet, Signal, WaitOptions, WaitStatus};

use super::{Creation, NewProcess, Pid, PidReservation, ThreadEnd, Tree, Vanished};
use crate::cred::Cred;
use crate::sched::{Competition, Task};
use crate::task::process::{Process, ProcessFlags};
use crate::task::signal::{Action, Handler, SignalActions};
use crate::task::thread::{Comm, NewThread, Thread, ThreadFiles, Traits};
use crate::task::users::UserCharge;
use crate::task::wait::{Look, WaitRequest, Waited, Waiter, Who};

/// A tree with process 1 in group and session 1.
struct World {
    tree: Tree,
}

fn thread_of(process: &Arc<Process>, tid: Pid) -> Arc<Thread> {
    let task = Task::new(Competition::default(), None);
    let slot = process.signals.attach(task.clone(), SigSet::EMPTY).expect("it lives");
    Thread::new(NewThread {
        process: process.clone(),
        task,
        slot,
        tid,
        comm: Comm::new(b"test"),
        cred: Arc::new(Cred::root()),
        files: ThreadFiles::default(),
        charge: UserCharge::new(0),
        traits: Traits::default(),
    })
}

impl World {
    fn new() -> Self {
        let mut world = Self { tree: Tree::new() };
        world.add(1, Creation::First, 0);
        world.tree.move_to_group(1, 1, 1);
        world
    }

    fn add(&mut self, pid: Pid, created: Creation, exit_signal: u32) {
        let process = Process::new(pid, None, Arc::new(SignalActions::new()));
        let leader = thread_of(&process, pid);
        let pid = PidReservation::for_test(pid);
        let new = NewProcess { pid, process, leader, created, exit_signal };
        assert!(self.tree.add_process(new).is_ok());
    }

    /// `parent` forks `pid`.
    fn fork(&mut self, parent: Pid, pid: Pid) {
        self.add(pid, Creation::ChildOf(parent, parent), Signal::SIGCHLD.number());
    }

    fn process(&self, pid: Pid) -> Arc<Process> {
        self.tree.node(pid).expect("it is there").process.clone()
    }

    fn add_thread(&mut self, pid: Pid, tid: Pid) -> Arc<Thread> {
        let thread = thread_of(&self.process(pid), tid);
        assert!(self.tree.add_thread(PidReservation::for_test(tid), &thread).is_ok());
        thread
    }

    fn end_thread(&mut self, thread: &Arc<Thread>, code: i32) -> ThreadEnd {
        if thread.is_leader() {
            thread.process.set_leader_status(WaitStatus::exited(code));
        }
        let _ = thread.process.signals.detach(thread.slot);
        thread.mark_ended();
        self.tree.end_thread(thread, &mut Vanished::default())
    }

    /// A process with one thread exits.
    fn exit(&mut self, pid: Pid, code: i32) {
        let leader = self.tree.thread(pid).expect("it is there").clone();
        assert_eq!(self.end_thread(&leader, code), ThreadEnd::ProcessEnded);
    }

    fn look(&mut self, pid: Pid, who: Who, options: WaitOptions) -> Look {
        let process = self.process(pid);
        let waiter = Waiter { process: &process, tid: pid };
        self.tree.look_for(&waiter, &WaitRequest { who, options }, &mut Vanished::default())
    }

    fn wait(&mut self, pid: Pid, who: Who) -> Option<Waited> {
        match self.look(pid, who, WaitOptions::WEXITED) {
            Look::Found(waited) => Some(waited),
            _ => None,
        }
    }

    fn parent(&self, pid: Pid) -> Pid {
        self.process(pid).parent()
    }

    fn pending(&self, pid: Pid) -> SigSet {
        let leader = self.tree.node(pid).expect("it is there").threads[0].clone();
        leader.process.signals.pending_sets(leader.slot).shared
    }
}

#[test]
fn a_child_is_in_its_parents_group_and_is_waited_for_once() {
    let mut world = World::new();
    world.fork(1, 2);
    assert_eq!((world.parent(2), world.process(2).group()), (1, 1));
    assert!(matches!(world.look(1, Who::Any, WaitOptions::WEXITED), Look::NothingYet));
    world.exit(2, 7);
    assert!(world.tree.node(2).is_some());
    let waited = world.wait(1, Who::Any).expect("it has ended");
    assert_eq!((waited.pid, waited.status), (2, WaitStatus::exited(7)));
    assert!(world.tree.node(2).is_none() && world.tree.thread(2).is_none());
    assert!(matches!(world.look(1, Who::Any, WaitOptions::WEXITED), Look::NoChild));
    assert_eq!((world.tree.process_count(), world.tree.thread_count()), (1, 1));
}

#[test]
fn nowait_leaves_the_child_and_selectors_choose() {
    let mut world = World::new();
    world.fork(1, 2);
    world.fork(1, 3);
    world.tree.move_to_group(3, 3, 1);
    world.exit(2, 0);
    world.exit(3, 0);
    let nowait = WaitOptions::WEXITED | WaitOptions::WNOWAIT;
    for _ in 0..2 {
        assert!(matches!(world.look(1, Who::Any, nowait), Look::Found(waited) if waited.pid == 2));
    }
    assert_eq!(world.wait(1, Who::Group(3)).map(|waited| waited.pid), Some(3));
    assert!(matches!(world.look(1, Who::Process(3), nowait), Look::NoChild));
    assert!(matches!(world.look(1, Who::Any, WaitOptions::WSTOPPED), Look::NoChild));
    assert_eq!(world.wait(1, Who::Process(2)).map(|waited| waited.pid), Some(2));
}

#[test]
fn clone_children_need_wclone_or_wall() {
    let mut world = World::new();
    world.add(2, Creation::ChildOf(1, 1), 0);
    world.exit(2, 1);
    assert!(matches!(world.look(1, Who::Any, WaitOptions::WEXITED), Look::NoChild));
    let wclone = WaitOptions::WEXITED | WaitOptions::__WCLONE | WaitOptions::WNOWAIT;
    assert!(matches!(world.look(1, Who::Any, wclone), Look::Found(_)));
    let wall = WaitOptions::WEXITED | WaitOptions::__WALL;
    assert!(matches!(world.look(1, Who::Any, wall), Look::Found(_)));
}

#[test]
fn orphans_go_to_the_nearest_subreaper_then_to_init() {
    let mut world = World::new();
    for (parent, pid) in [(1, 2), (2, 3), (3, 4), (4, 5)] {
        world.fork(parent, pid);
    }
    world.process(2).set_flags(ProcessFlags::SUBREAPER, true);
    world.exit(4, 0);
    assert_eq!(world.parent(5), 2);
    world.exit(2, 0);
    assert_eq!((world.parent(5), world.parent(3)), (1, 1));
    // A zombie that is handed over is reported by whoever got it.
    world.exit(3, 0);
    assert!(world.tree.node(4).is_some_and(|node| node.parent == 1));
    assert_eq!(world.tree.node(1).map(|init| init.children.clone()), Some(Vec::from([2, 3, 5, 4])));
}

#[test]
fn ignoring_sigchld_leaves_no_zombies() {
    let mut world = World::new();
    let ignore = Action { handler: Handler::Ignore, ..Action::DEFAULT };
    world.process(1).signals.set_action(Signal::SIGCHLD, ignore);
    world.fork(1, 2);
    world.exit(2, 0);
    assert!(world.tree.node(2).is_none());
    let nocldwait = Action { flags: SaFlags::SA_NOCLDWAIT, ..Action::DEFAULT };
    world.process(1).signals.set_action(Signal::SIGCHLD, nocldwait);
    world.fork(1, 3);
    world.exit(3, 0);
    assert!(world.tree.node(3).is_none());
}

#[test]
fn a_leader_that_ends_first_keeps_the_process_alive() {
    let mut world = World::new();
    world.fork(1, 2);
    let second = world.add_thread(2, 3);
    let leader = world.tree.thread(2).expect("it is there").clone();
    assert_eq!(world.end_thread(&leader, 5), ThreadEnd::OthersLive);
    assert!(matches!(world.look(1, Who::Any, WaitOptions::WEXITED), Look::NothingYet));
    assert_eq!(world.end_thread(&second, 9), ThreadEnd::ProcessEnded);
    assert!(world.tree.thread(3).is_none());
    let waited = world.wait(1, Who::Any).expect("all have ended");
    assert_eq!(waited.status, WaitStatus::exited(5));
}

#[test]
fn exec_in_a_thread_makes_it_the_leader() {
    let mut world = World::new();
    world.fork(1, 2);
    let second = world.add_thread(2, 3);
    world.add(4, Creation::ChildOf(2, 3), Signal::SIGCHLD.number());
    let leader = world.tree.thread(2).expect("it is there").clone();
    assert_eq!(world.end_thread(&leader, 0), ThreadEnd::OthersLive);
    world.tree.make_leader(&second, &mut Vanished::default());
    assert_eq!(second.tid(), 2);
    assert!(second.is_leader() && world.tree.thread(3).is_none());
    assert!(Arc::ptr_eq(world.tree.thread(2).expect("it is there"), &second));
    assert_eq!(world.tree.node(4).map(|child| child.parent_thread), Some(2));
    assert_eq!(world.tree.thread_count(), 3);
}

#[test]
fn the_parent_death_signal_comes_when_the_thread_dies() {
    let mut world = World::new();
    world.fork(1, 2);
    let second = world.add_thread(2, 3);
    world.add(4, Creation::ChildOf(2, 3), Signal::SIGCHLD.number());
    let child = world.tree.thread(4).expect("it is there").clone();
    child.process.signals.set_blocked(child.slot, SigSet::FULL);
    child.set_parent_death_signal(Some(Signal::SIGUSR1));
    world.end_thread(&second, 0);
    assert!(world.pending(4).contains(Signal::SIGUSR1));
    assert_eq!(world.tree.node(4).map(|node| (node.parent, node.parent_thread)), Some((2, 2)));
}

#[test]
fn a_group_is_orphaned_when_no_outside_parent_is_left() {
    let mut world = World::new();
    world.fork(1, 2);
    world.tree.move_to_group(2, 2, 2);
    world.fork(2, 3);
    world.tree.move_to_group(3, 3, 2);
    assert!(!world.tree.group_is_orphaned(3, None));
    assert!(world.tree.group_is_orphaned(2, None));
    world.exit(2, 0);
    assert!(world.tree.group_is_orphaned(3, None));
}

#[test]
fn ids_stay_taken_while_a_group_or_session_has_them() {
    let mut world = World::new();
    world.fork(1, 2);
    world.tree.move_to_group(2, 2, 2);
    world.fork(2, 3);
    world.exit(2, 0);
    assert!(world.wait(1, Who::Process(2)).is_some());
    // Process 3 is still in group and session 2.
    assert!(world.tree.has_session(2));
    assert_eq!(world.tree.session_of_group(2), Some(2));
    assert!(world.tree.ids.contains_key(&2));
    world.exit(3, 0);
    assert!(world.wait(1, Who::Process(3)).is_some());
    assert!(!world.tree.ids.contains_key(&2));
}

#[test]
fn a_sibling_belongs_to_the_makers_parent() {
    let mut world = World::new();
    world.fork(1, 2);
    world.add(3, Creation::SiblingOf(2), 0);
    assert_eq!(world.parent(3), 1);
    assert_eq!(world.tree.node(3).map(|node| node.exit_signal), Some(Signal::SIGCHLD.number()));
}
