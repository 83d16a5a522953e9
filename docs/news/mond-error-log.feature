A monitoring collector that fails is named with its reason in ``monitoring-daemon-error.log``, once, and again when it works.
