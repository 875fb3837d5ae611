//! Intrusive queues: objects that carry their own links, so that queueing never allocates.
//!
//! [`Linked<T>`] adds one tree link and one list link to a `T`; [`Tree`] and [`List`] are
//! `intrusive-collections` over `Arc<Linked<T>>`. The types are here because the adapters are
//! unsafe code; everything that core does with them is safe. An object can be in one tree and one
//! list at a time; to insert it twice panics.

use alloc::sync::Arc;
use core::fmt;
use core::ops::Deref;

use intrusive_collections::{
    KeyAdapter, LinkedList, LinkedListAtomicLink, RBTree, RBTreeAtomicLink,
};

use adapters::{ListAdapter, TreeAdapter};

/// A `T` that can be in a [`Tree`] and in a [`List`].
pub struct Linked<T> {
    tree: RBTreeAtomicLink,
    list: LinkedListAtomicLink,
    value: T,
}

impl<T> Linked<T> {
    /// Wraps `value`; it is in no queue yet.
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self { tree: RBTreeAtomicLink::new(), list: LinkedListAtomicLink::new(), value })
    }

    /// Whether it is in a tree now. Only meaningful to who holds that tree's lock.
    pub fn in_tree(&self) -> bool {
        self.tree.is_linked()
    }

    /// Whether it is in a list now. Only meaningful to who holds that list's lock.
    pub fn in_list(&self) -> bool {
        self.list.is_linked()
    }
}

impl<T> Deref for Linked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Linked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The order of a [`Tree`].
pub trait TreeKey {
    /// What the tree is sorted by.
    type Key: Ord;
    /// The key; it must not change while the object is in the tree, or it cannot be found there.
    fn tree_key(&self) -> Self::Key;
}

mod adapters {
    #![allow(missing_docs, reason = "the macro writes none")]

    use alloc::sync::Arc;

    use intrusive_collections::{LinkedListAtomicLink, RBTreeAtomicLink, intrusive_adapter};

    use super::Linked;

    intrusive_adapter!(pub TreeAdapter<T> = Arc<Linked<T>>: Linked<T> { tree => RBTreeAtomicLink });
    intrusive_adapter!(
        pub ListAdapter<T> = Arc<Linked<T>>: Linked<T> { list => LinkedListAtomicLink }
    );
}

impl<'a, T: TreeKey + 'a> KeyAdapter<'a> for TreeAdapter<T> {
    type Key = T::Key;

    fn get_key(&self, value: &'a Linked<T>) -> T::Key {
        value.value.tree_key()
    }
}

/// A balanced tree of shared objects, sorted by [`TreeKey`].
pub type Tree<T> = RBTree<TreeAdapter<T>>;
/// A list of shared objects.
pub type List<T> = LinkedList<ListAdapter<T>>;

/// An empty tree.
pub const fn tree<T>() -> Tree<T> {
    RBTree::new(TreeAdapter::NEW)
}

/// An empty list.
pub const fn list<T>() -> List<T> {
    LinkedList::new(ListAdapter::NEW)
}

/// Takes `item` out of `list` if it is there.
pub fn remove<T>(list: &mut List<T>, item: &Arc<Linked<T>>) -> bool {
    if !item.in_list() {
        return false;
    }
    let mut cursor = list.front_mut();
    while let Some(here) = cursor.get() {
        if core::ptr::eq(here, &**item) {
            return cursor.remove().is_some();
        }
        cursor.move_next();
    }
    false
}
