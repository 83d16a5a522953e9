`gnt-job cancel` stops running jobs too: at their next step, taking back what they did.
