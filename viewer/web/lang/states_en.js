// states_en.js - English words of presentation states.

export default {
    'states.asking': 'Looking for presentation states …',
    'states.none': 'No presentation state names this picture.',
    'states.plain': 'None: the picture as it was delivered',
    'states.unnamed': 'Without a name',
    'states.nobody': 'nobody is told',
    'states.ours': 'made here',
    'states.notHere': '{title} – not for this picture',
    'states.leave': 'Back to the plain view',
    'states.problem': 'Cannot be applied: {text}',
    'states.comma': ', ',
    'states.not': 'Not applied: {list}',
    'states.not.mask': 'mask subtraction',
    'states.not.bitmap_shutter': 'bitmap shutter',
    'states.not.profile': 'colour profile (ICC)',
    'states.not.palette': 'pseudo-colour palette',
    'states.not.compound': 'compound graphics',
    'states.not.styles': 'styles of lines and texts',
    'states.not.curves': 'curves',
    'states.not.aspect': 'shape of pixels of its own',
};
