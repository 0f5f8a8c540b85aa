"""The kinds of conditions: one file each, its name the kind's name in YAML. `services.rules.core.condition` finds them."""
