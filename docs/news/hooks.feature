Hooks run before and after operations, with the names, environment and nodes of Ganeti's; a failing script of the phase before refuses the operation.
