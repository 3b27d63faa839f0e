//! When code runs that a call chain shows: at any time, or on an occasion that does not come again.

use super::base_name;
use crate::names::{Names, Placed, Role};

/// What a call chain is part of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Debug)]
pub enum Occasion {
    /// Nothing that is known to happen once.
    #[default]
    Any,
    /// The kernel's own start, which happens once in a boot (`init/main.c`).
    KernelStart,
    /// The module loader's records of a module, which it keeps while the module is loaded
    /// (`kernel/module/main.c`). What the module's own code allocates is not of these.
    ModuleLoad,
}

impl Occasion {
    /// The occasion of a call chain.
    pub(crate) fn of(chain: &[Placed], names: &Names) -> Occasion {
        let functions = chain
            .iter()
            .filter(|placed| placed.role == Role::Caller)
            .filter_map(|placed| names.frame(placed.frame).function)
            .map(|name| base_name(names.text(name)));
        let mut occasion = Occasion::Any;
        for function in functions {
            match function {
                // The module's own code runs below this one.
                "do_init_module" | "free_module" | "__do_sys_delete_module" => {
                    return Occasion::Any;
                }
                "load_module" => occasion = Occasion::ModuleLoad,
                "start_kernel"
                | "rest_init"
                | "kernel_init"
                | "kernel_init_freeable"
                | "do_basic_setup"
                | "do_initcalls"
                | "do_initcall_level"
                | "do_pre_smp_initcalls"
                | "x86_64_start_kernel"
                | "i386_start_kernel" => {
                    occasion = Occasion::KernelStart;
                }
                _ => {}
            }
        }
        occasion
    }
}
