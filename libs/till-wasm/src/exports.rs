//! What JavaScript calls. Addresses are 32-bit offsets into the module's memory.

use std::cell::RefCell;

use crate::Pricer;

#[derive(Default)]
struct State {
    pricer: Pricer,
    input: Vec<u8>,
    output: String,
}

thread_local! {
    static STATE: RefCell<State> = RefCell::default();
}

/// Makes room for a question of so many bytes, and says where.
#[expect(unsafe_code, reason = "an export needs a name; nothing else in this program has it")]
#[unsafe(no_mangle)]
extern "C" fn input(length: usize) -> *mut u8 {
    STATE.with_borrow_mut(|state| {
        state.input.clear();
        state.input.resize(length, 0);
        state.input.as_mut_ptr()
    })
}

/// Answers the question, and says how many bytes the answer has.
#[expect(unsafe_code, reason = "an export needs a name; nothing else in this program has it")]
#[unsafe(no_mangle)]
extern "C" fn price() -> usize {
    STATE.with_borrow_mut(|State { pricer, input, output }| {
        *output = pricer.price(input);
        output.len()
    })
}

/// Says where the answer is.
#[expect(unsafe_code, reason = "an export needs a name; nothing else in this program has it")]
#[unsafe(no_mangle)]
extern "C" fn output() -> *const u8 {
    STATE.with_borrow(|state| state.output.as_ptr())
}
